"""Which origins may use the service with a user's cookie: one list for the API and for sockets."""

import re
from collections.abc import Iterable

from starlette.types import Scope

from .own_origin import OwnOrigin

_WILDCARD = "://*."
_LABELS = r"(?:[a-z0-9_-]+\.)+"


class OriginPolicy:
    """The allowed origins: exact ones, those below a wildcard, and the service's own.

    Args:
        origins: as in CORS_ORIGINS: `https://example.org`, `https://*.example.org`,
            `capacitor://localhost`, `null`.
        regex: an expression that allowed origins match whole, or None.
        own: recognises the service's own; without trusted proxies if None is given.
    """

    def __init__(
        self,
        origins: Iterable[str] = (),
        regex: str | None = None,
        *,
        own: OwnOrigin | None = None,
    ) -> None:
        listed = list(origins)
        self.exact = frozenset(each for each in listed if _WILDCARD not in each)
        patterns = [_pattern(each) for each in listed if _WILDCARD in each]
        patterns += [regex] if regex else []
        self.regex = "|".join(f"(?:{each})" for each in patterns) or None
        self._own = own or OwnOrigin()
        self._match = re.compile(self.regex).fullmatch if self.regex else None

    def __bool__(self) -> bool:
        return bool(self.exact or self.regex)

    def __or__(self, other: "OriginPolicy") -> "OriginPolicy":
        """Return a policy that allows what either of the two does."""
        regexes = [f"(?:{each})" for each in (self.regex, other.regex) if each]
        return OriginPolicy(self.exact | other.exact, "|".join(regexes) or None, own=self._own)

    def allows(self, origin: str, scope: Scope) -> bool:
        """Return True if a page of this origin may send the request."""
        return (
            origin in self.exact
            or (self._match is not None and self._match(origin) is not None)
            or self._own.is_of(origin, scope)
        )


def _pattern(origin: str) -> str:
    scheme, _, domain = origin.partition(_WILDCARD)
    return f"{re.escape(scheme)}://{_LABELS}{re.escape(domain)}"
