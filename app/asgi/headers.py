"""Header fields in the form in which ASGI hands them over, without a copy of them all."""

from collections.abc import Iterable, Sequence

from starlette.types import Scope

Field = tuple[bytes, bytes]

RESPONSE_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
"""The ASGI messages that carry the header fields of a response."""

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
    size, index = len(name), 0
    for field, _ in fields:
        if len(field) == size and field.lower() == name:
            return index
        index += 1  # noqa: SIM113 - a tuple for each field would double what this costs
    return -1


def mark_private(fields: Iterable[Field]) -> list[Field]:
    """Return a copy of the fields that keeps a response which depends on its session out of caches.

    A `Cache-Control` that says `private` or `no-store` stays as it is; any other is replaced.
    """
    kept = list(fields)
    if index_of(kept, _CACHE) >= 0:
        kept = [each for each in kept if each[0].lower() != _CACHE or _is_private(each[1])]
        if index_of(kept, _CACHE) >= 0:
            add_vary(kept, b"Cookie")
            return kept
    kept.append((_CACHE, b"no-store"))
    add_vary(kept, b"Cookie")
    return kept


def add_vary(fields: list[Field], by: bytes) -> None:
    """Add a name to `Vary`, which stays a single line; one that is there already is not added again."""
    index = index_of(fields, _VARY)
    if index < 0:
        fields.append((_VARY, by))
        return
    field, value = fields[index]
    if not _is_named(value, by.lower()):
        fields[index] = (field, value + b", " + by)


def _is_named(vary: bytes, name: bytes) -> bool:
    if vary.lower().find(name) < 0 and vary.find(b"*") < 0:
        return False
    named = {each.strip().lower() for each in vary.split(b",")}
    return name in named or b"*" in named


def _is_private(cache_control: bytes) -> bool:
    directives = {each.strip().lower() for each in cache_control.split(b",")}
    return any(each in directives for each in _PRIVATE)
