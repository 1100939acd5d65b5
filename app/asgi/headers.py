"""Header fields in the form in which ASGI hands them over, without a copy of them all."""

from collections.abc import Iterable, Sequence
from operator import itemgetter

from starlette.types import Scope

Field = tuple[bytes, bytes]

RESPONSE_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
"""The ASGI messages that carry the header fields of a response."""

_name_of = itemgetter(0)
_CACHE = b"cache-control"
_VARY = b"vary"
_PRIVATE = (b"no-store", b"private")
"""Cache directives of a route that keep its response out of shared caches (RFC 9111, 5.2.2)."""


def get_header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first value of a field by its name in lower case, or None."""
    fields: Iterable[Field] = scope["headers"]
    for field, value in fields:
        if field == name:
            return value
    return None


def index_of(fields: Sequence[Field], name: bytes) -> int:
    """Return the index of the first field of a name in lower case, -1 if there is none."""
    # Without a loop in Python: each response comes here four times.
    names = b"\n%b\n" % b"\n".join(map(_name_of, fields)).lower()
    at = names.find(b"\n%b\n" % name)
    return -1 if at < 0 else names.count(b"\n", 0, at)


def mark_private(fields: Iterable[Field]) -> list[Field]:
    """Return a copy of the fields that keeps a response which depends on its session out of caches.

    A `Cache-Control` that says `private` or `no-store` stays as it is; any other is replaced.
    """
    kept = list(fields)
    present = index_of(kept, _CACHE) >= 0
    if present:
        kept = [each for each in kept if each[0].lower() != _CACHE or _is_private(each[1])]
    if not present or index_of(kept, _CACHE) < 0:
        kept.append((_CACHE, b"no-store"))
    add_vary(kept, b"Cookie")
    return kept


def add_vary(fields: list[Field], by: bytes) -> None:
    """Add a name to `Vary`, which stays a single line; one that is there already is not added again."""
    index = index_of(fields, _VARY)
    if index < 0:
        fields.append((_VARY, by))
    elif not _is_named(fields[index][1], by.lower()):
        field, value = fields[index]
        fields[index] = (field, value + b", " + by)


def _is_named(vary: bytes, name: bytes) -> bool:
    if vary.lower().find(name) < 0 and vary.find(b"*") < 0:
        return False
    named = {each.strip().lower() for each in vary.split(b",")}
    return name in named or b"*" in named


def _is_private(cache_control: bytes) -> bool:
    directives = {each.strip().lower() for each in cache_control.split(b",")}
    return any(each in directives for each in _PRIVATE)
