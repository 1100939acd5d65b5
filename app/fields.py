"""Header fields in the form in which ASGI hands them over, without a copy of them all."""

from collections.abc import Iterable

from starlette.types import Scope

Field = tuple[bytes, bytes]

STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
"""The ASGI messages that carry the fields of an answer."""

_CACHE = b"cache-control"


def first(scope: Scope, name: bytes) -> bytes | None:
    """Give the first value of a field by its name in lower case, None without one."""
    fields: Iterable[Field] = scope["headers"]
    for field, value in fields:
        if field == name:
            return value
    return None


def private(fields: Iterable[Field]) -> list[Field]:
    """Keep an answer that depends on its session out of caches; the fields are copied."""
    kept = [field for field in fields if field[0].lower() != _CACHE]
    kept.append((_CACHE, b"no-store"))
    vary(kept, b"Cookie")
    return kept


def vary(fields: list[Field], by: bytes) -> None:
    """Put one more name into `Vary`, which stays a single line."""
    for index, (field, value) in enumerate(fields):
        if field == b"vary" or field.lower() == b"vary":
            fields[index] = (field, value + b", " + by)
            return
    fields.append((b"vary", by))
