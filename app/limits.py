"""How often one client may open sessions and sockets."""

import time
from typing import Protocol

from starlette.types import Scope
from token_bucket import Limiter, MemoryStorage

from app.sessions import SessionError

_MINUTE = 60.0


class TooManyError(SessionError):
    """A client has opened too many sessions or sockets; it may try again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many new sessions and sockets from this address")
        self.retry_after = retry_after


class Admission(Protocol):
    """Says whether one more session or socket of a client is welcome."""

    def check(self, scope: Scope) -> None:
        """Return if it is; raise TooManyError if not."""


class Everybody:
    """No limit."""

    def check(self, scope: Scope) -> None:
        """Welcome everybody."""


class PerAddress:
    """A token bucket for each client address, as the ASGI scope gives it: trusted proxies are seen through.

    It holds a minute's worth and fills up within a minute. Once a minute all buckets are new, so
    that addresses that are heard of once are not remembered for ever; at the worst a client gets
    twice its due.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._limiter = self._new()

    def check(self, scope: Scope) -> None:
        """Take a token from the client's bucket; raises TooManyError if it is empty."""
        if time.monotonic() >= self._renew_at:
            self._limiter = self._new()
        client = scope.get("client")
        if not self._limiter.consume(_network(client[0] if client else "")):
            raise TooManyError(_MINUTE / self._per_minute)

    def _new(self) -> Limiter:
        self._renew_at = time.monotonic() + _MINUTE
        return Limiter(self._per_minute / _MINUTE, self._per_minute, MemoryStorage())


def _network(address: str) -> str:
    """Give an IPv6 address's /64, of which one client has all; an IPv4 address stays as it is."""
    return ":".join(address.split(":")[:4]) if ":" in address else address
