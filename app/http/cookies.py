"""The session cookie: how it is read, set and cleared."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.sessions import CookieSigner

Headers = Iterable[tuple[bytes, bytes]]
SameSite = Literal["lax", "strict", "none"]


@dataclass(frozen=True)
class CookieAttributes:
    """What a browser is told about the cookie (RFC 6265bis).

    With `secure` and no `domain` the name gets the `__Host-` prefix, so that no sibling host can
    plant another cookie of that name.
    """

    name: str = "session"
    samesite: SameSite = "lax"
    secure: bool = False
    domain: str | None = None
    partitioned: bool = False

    @property
    def full_name(self) -> str:
        """The name on the wire."""
        prefix = "__Host-" if self.secure and self.domain is None else ""
        return prefix + self.name

    def header(self, value: str, max_age: int) -> str:
        """Give a Set-Cookie header's value; `max_age` in seconds, 0 clears the cookie."""
        parts = [
            f"{self.full_name}={value}",
            "Path=/",
            f"Max-Age={max_age}",
            "HttpOnly",
            f"SameSite={self.samesite.capitalize()}",
        ]
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.secure:
            parts.append("Secure")
        if self.partitioned:  # by hand: the standard library knows the attribute from 3.14 on
            parts.append("Partitioned")
        return "; ".join(parts)


class SessionCookie:
    """Carries signed session ids between a browser and the service."""

    def __init__(self, attributes: CookieAttributes, signer: CookieSigner) -> None:
        self.attributes = attributes
        self._signer = signer
        self._prefix = f"{attributes.full_name}=".encode()

    def session_id(self, headers: Headers) -> str | None:
        """Give the session id of a request's cookie, None without a valid one.

        Two valid cookies of our name with different ids mean that somebody else's was planted, and
        a server cannot tell which (RFC 6265, 8.6): neither is believed.
        """
        found: str | None = None
        for value in self._values(headers):
            verified = self._signer.verify(value)
            if verified is not None and found not in (None, verified):
                return None
            found = verified or found
        return found

    def present(self, headers: Headers) -> bool:
        """Tell whether a request carries a cookie of our name, valid or not."""
        return any(True for _ in self._values(headers))

    def set(self, session_id: str, seconds: float) -> str:
        """Give the Set-Cookie header's value for an id that has `seconds` to live at the most."""
        return self.attributes.header(self._signer.sign(session_id), math.ceil(seconds))

    def clear(self) -> str:
        """Give the Set-Cookie header's value that removes the cookie; the attributes must be the same."""
        return self.attributes.header("", 0)

    def _values(self, headers: Headers) -> Iterable[str]:
        for name, line in headers:
            if name == b"cookie":
                for pair in line.split(b";"):
                    stripped = pair.strip(b" \t")
                    if stripped.startswith(self._prefix):
                        yield stripped[len(self._prefix) :].decode("latin-1")
