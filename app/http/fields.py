"""Header fields in the form in which ASGI hands them over, without a copy of them all."""

from collections.abc import Iterable

from starlette.types import Scope

Fields = Iterable[tuple[bytes, bytes]]


def first(scope: Scope, name: bytes) -> bytes | None:
    """Give the first value of a field by its name in lower case, None without one."""
    fields: Fields = scope["headers"]
    for field, value in fields:
        if field == name:
            return value
    return None


def varied(fields: Fields, by: bytes) -> list[tuple[bytes, bytes]]:
    """Give the fields with one more name in `Vary`, which stays a single line."""
    kept = list(fields)
    for index, (field, value) in enumerate(kept):
        if field.lower() == b"vary":
            kept[index] = (field, value + b", " + by)
            return kept
    kept.append((b"vary", by))
    return kept
