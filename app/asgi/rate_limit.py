"""Rate limits for opening sessions and sockets, by client address."""

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from typing import Protocol

from starlette.types import Scope
from token_bucket import Limiter, StorageBase

from .errors import RequestRefusedError

_MINUTE = 60.0


class RateLimitExceededError(RequestRefusedError):
    """A client has opened too many sessions or sockets; it may try again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        detail = "too many new sessions and sockets from this address"
        super().__init__(detail, retry_after=retry_after)


class RateLimiter(Protocol):
    """Decides whether a client may open one more session or socket."""

    def check(self, scope: Scope) -> None:
        """Return if it may; raise RateLimitExceededError if not."""


class NoRateLimit:
    """No limit."""

    def check(self, scope: Scope) -> None:
        """Return always."""


class TokenBucketRateLimiter:
    """A token bucket for each client address (an IPv6 /64) of the ASGI scope.

    A bucket holds a minute's worth and refills within a minute. Once a minute all buckets are
    replaced, so that an address seen once does not take memory for ever; at worst a client gets twice
    its rate.

    Args:
        per_minute: sessions and sockets together that one address may open in a minute.
        clock: returns seconds of a clock that never goes back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._limiter = self._new()

    def check(self, scope: Scope) -> None:
        """Take a token from the client's bucket; raise RateLimitExceededError if it is empty."""
        if self._clock() >= self._renew_at:
            self._limiter = self._new()
        client = scope.get("client")
        if not self._limiter.consume(_network(client[0] if client else "")):
            raise RateLimitExceededError(_MINUTE / self._per_minute)

    def _new(self) -> Limiter:
        self._renew_at = self._clock() + _MINUTE
        return Limiter(self._per_minute / _MINUTE, self._per_minute, _Buckets(self._clock))


class _Buckets(StorageBase):
    """Buckets of one event loop, on a clock; the package's own go by the machine's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._filled: dict[str | bytes, tuple[float, float]] = {}

    def get_token_count(self, key: str | bytes) -> float:
        return self._filled[key][0] if key in self._filled else 0

    def replenish(self, key: str | bytes, rate: float, capacity: int) -> None:
        now = self._clock()
        tokens, at = self._filled.get(key, (capacity, now))
        self._filled[key] = min(capacity, tokens + rate * (now - at)), now

    def consume(self, key: str | bytes, num_tokens: int) -> bool:
        tokens, at = self._filled[key]
        if tokens < num_tokens:
            return False
        self._filled[key] = tokens - num_tokens, at
        return True


@lru_cache(maxsize=10_000)
def _network(address: str) -> str:
    """Return the /64 of an IPv6 address, as one client has all of it; any other address as it is."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed.packed[:8].ljust(16, b"\0"), 64)))
