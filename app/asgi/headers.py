"""Header fields in the form in which ASGI hands them over, without a copy of them all."""

from collections.abc import Iterable

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


def mark_private(fields: Iterable[Field]) -> list[Field]:
    """Return a copy of the fields that keeps a response which depends on its session out of caches.

    A `Cache-Control` that says `private` or `no-store` stays as it is; any other is replaced.
    """
    kept: list[Field] = []
    private = False
    for field in fields:
        if field[0].lower() != _CACHE:
            kept.append(field)
        elif _is_private(field[1]):
            private = True
            kept.append(field)
    if not private:
        kept.append((_CACHE, b"no-store"))
    add_vary(kept, b"Cookie")
    return kept


def add_vary(fields: list[Field], by: bytes) -> None:
    """Add a name to `Vary`, which stays a single line; one that is there already is not added again."""
    for index, (field, value) in enumerate(fields):
        if len(field) == len(_VARY) and field.lower() == _VARY:
            if not _is_named(value, by.lower()):
                fields[index] = (field, value + b", " + by)
            return
    fields.append((_VARY, by))


def _is_named(vary: bytes, name: bytes) -> bool:
    if name not in vary.lower() and b"*" not in vary:
        return False
    named = {each.strip().lower() for each in vary.split(b",")}
    return name in named or b"*" in named


def _is_private(cache_control: bytes) -> bool:
    directives = {each.strip().lower() for each in cache_control.split(b",")}
    return any(each in directives for each in _PRIVATE)
