"""The session cookie: how it is read, set and cleared."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import chain, product
from typing import Literal

from ..sessions import CookieSigner

Headers = Iterable[tuple[bytes, bytes]]
SameSite = Literal["lax", "strict", "none"]
_Variant = tuple[str | None, bool]
"""A domain, and whether the cookie is partitioned: cookies of one name that differ in them are two."""

_MOST_IDS = 16
_BLANKS = b" \t"
_SHORT_LINE = 500
_REMEMBERED = 1_000
"""Lines of at most so many bytes whose ids are cached: a browser sends the same one with every request."""


@dataclass(frozen=True)
class CookieAttributes:
    """The attributes of the session cookie (RFC 6265bis).

    With `secure` and no `domain` the name gets the `__Host-` prefix, so that no sibling host can
    plant another cookie of that name.

    Browsers keep cookies of one name apart by their domain, by whether they have one, and by
    `Partitioned`. So what was set before one of these was changed is there still, beside what is set now.
    """

    name: str = "session"
    samesite: SameSite = "lax"
    secure: bool = False
    domain: str | None = None
    partitioned: bool = False
    former_domains: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name on the wire."""
        prefix = "__Host-" if self._is_host_bound else ""
        return prefix + self.name

    @property
    def _is_host_bound(self) -> bool:
        return self.secure and self.domain is None

    def header(self, value: str, max_age: int) -> str:
        """Return a Set-Cookie header's value; `max_age` in seconds, 0 clears the cookie."""
        return self._header(value, max_age, (self.domain, self.partitioned))

    def clear_others(self) -> list[str]:
        """Return what clears the cookie wherever else it may have been set under the same name."""
        domains = [self.domain]
        if not self._is_host_bound:  # a name with the prefix was never set with a domain
            domains += [None, *self.former_domains]
        # Browsers take Partitioned with Secure alone.
        partitioned = (False, True) if self.secure else (False,)
        variants = {(_bare(each[0]), each[1]): each for each in product(domains, partitioned)}
        del variants[_bare(self.domain), self.partitioned]
        return [self._header("", 0, each) for each in variants.values()]

    def _header(self, value: str, max_age: int, variant: _Variant) -> str:
        domain, partitioned = variant
        parts = [
            f"{self.full_name}={value}",
            "Path=/",
            f"Max-Age={max_age}",
            "HttpOnly",
            f"SameSite={self.samesite.capitalize()}",
        ]
        if domain is not None:
            parts.append(f"Domain={domain}")
        if self.secure:
            parts.append("Secure")
        if partitioned:  # by hand: the standard library has the attribute from 3.14 on
            parts.append("Partitioned")
        return "; ".join(parts)


class SessionCookie:
    """Carries signed session ids between a browser and the service."""

    response_field = b"set-cookie"

    def __init__(self, attributes: CookieAttributes, signer: CookieSigner) -> None:
        self.attributes = attributes
        self._signer = signer
        self._name = attributes.full_name.encode()
        self._clear_others = attributes.clear_others()
        self._ids_of_line = lru_cache(maxsize=_REMEMBERED)(self._ids_in)

    def session_ids(self, headers: Headers) -> list[str]:
        """Return the session ids of a request's valid cookies, each once, in the order sent.

        There may be several: a browser that has the cookie in more than one variant sends them all,
        and does not say which is which. No more than sixteen are of interest.
        """
        lines = [line for field, line in headers if field == b"cookie"]
        if len(lines) == 1 and len(lines[0]) <= _SHORT_LINE:
            return [*self._ids_of_line(lines[0])]
        return self._ids(chain.from_iterable(map(self._values_of, lines)))

    def _ids_in(self, line: bytes) -> list[str]:
        return self._ids(self._values_of(line))

    def _ids(self, values: Iterable[str]) -> list[str]:
        found: list[str] = []
        for value in values:
            verified = self._signer.verify(value)
            if verified is not None and verified not in found:
                found.append(verified)
                if len(found) == _MOST_IDS:
                    break
        return found

    def present(self, headers: Headers) -> bool:
        """Return True if a request carries a cookie of this name, valid or not."""
        return bool(self._values(headers))

    def presented(self, headers: Headers) -> str | None:
        """Return a fingerprint of the cookies of this name in a request, None if there are none.

        It is the same on all nodes.
        """
        values = self._values(headers)
        return fingerprint(*values) if values else None

    def set(self, session_id: str, seconds: float) -> str:
        """Return the Set-Cookie header's value for an id that has at most `seconds` to live."""
        return self.attributes.header(self._signer.sign(session_id), math.ceil(seconds))

    def clear(self) -> str:
        """Return the Set-Cookie header's value that removes the cookie; the attributes must be the same."""
        return self.attributes.header("", 0)

    def clear_others(self) -> list[str]:
        """Return the values that remove it wherever earlier settings may have set it."""
        return self._clear_others

    def _values(self, headers: Headers) -> list[str]:
        """Return the values of all cookies of our name."""
        lines = [line for field, line in headers if field == b"cookie"]
        return [*chain.from_iterable(map(self._values_of, lines))]

    def _values_of(self, line: bytes) -> Iterable[str]:
        """Yield the values of the cookies of our name in a line, read as tolerantly as other servers do.

        Some clients write blanks around the equals sign, and some (JDK, by RFC 2965) quote values and
        add pairs such as `$Path="/"`.
        """
        ours = self._name
        if line.find(ours) < 0:  # `in` raises an error inside
            return
        for pair in line.split(b";"):
            if pair.find(ours) >= 0:
                name, _, value = pair.partition(b"=")
                if name.strip(_BLANKS) == ours:
                    yield _unquoted(value.strip(_BLANKS)).decode("latin-1")


def fingerprint(*values: str) -> str:
    """Return what distinguishes these values from others, but not what they are."""
    return sha256("\0".join(values).encode("latin-1")).hexdigest()


def _bare(domain: str | None) -> str | None:
    """Return a domain as browsers compare it: a dot in front of it is ignored (RFC 6265, 5.2.3)."""
    return None if domain is None else domain.removeprefix(".").lower()


def _unquoted(value: bytes) -> bytes:
    return value[1:-1] if value[:1] == value[-1:] == b'"' else value
