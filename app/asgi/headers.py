"""Header fields in the form in which ASGI hands them over, without a copy of them all."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from starlette.types import Scope

from .scope import FIELDS

Field = tuple[bytes, bytes]

RESPONSE_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
"""The ASGI messages that carry the header fields of a response."""

_CACHE = b"cache-control"
_VARY = b"vary"
_PRIVATE_FIELDS = ((_CACHE, b"no-store"), (_VARY, b"Cookie"))
_PRIVATE = (b"no-store", b"private")
"""Cache directives of a route that keep its response out of shared caches (RFC 9111, 5.2.2)."""
_NOT_ACCEPTABLE = re.compile(rb"\s*q\s*=\s*0(\.0*)?\s*")
"""A weight of zero (RFC 9110, 12.4.2)."""


def get_header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first value of a field by its name in lower case, or None."""
    fields: Iterable[Field] = scope["headers"]
    for field, value in fields:
        if field == name:
            return value
    return None


def read_fields(scope: Scope) -> Mapping[bytes, bytes]:
    """Return a request's fields by their names in lower case, the first value of each.

    `fields_of` returns the same from then on. A layer of somebody else's may have changed the fields,
    so the outermost of ours calls this.
    """
    found: Mapping[bytes, bytes] = dict(reversed([*scope["headers"]]))
    scope[FIELDS] = found
    return found


def fields_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Return what `read_fields` has found: for layers with nobody else's between it and themselves."""
    found: Mapping[bytes, bytes] | None = scope.get(FIELDS)
    return read_fields(scope) if found is None else found


def accepted_coding(accepted: bytes, offered: Collection[bytes]) -> bytes | None:
    """Return the first of the offered codings that an Accept-Encoding names, but for those of no weight.

    Args:
        accepted: the field's value.
        offered: names of codings in lower case.
    """
    for each in accepted.lower().split(b","):
        coding, _, weight = each.partition(b";")
        coding = coding.strip()
        if coding in offered and not _NOT_ACCEPTABLE.fullmatch(weight):
            return coding
    return None


def index_of(fields: Sequence[Field], name: bytes) -> int:
    """Return the index of the first field of a name in lower case, -1 if there is none."""
    size, index = len(name), 0
    for field, _ in fields:
        if len(field) == size and field.lower() == name:
            return index
        index += 1  # noqa: SIM113 - a tuple for each field would double what this costs
    return -1


def has_field(fields: Sequence[Field], name: bytes) -> bool:
    """Return True if there is a field of a name in lower case: many without it cost one search."""
    return _names_in(fields).find(name) >= 0 and index_of(fields, name) >= 0


def _names_in(fields: Sequence[Field]) -> bytes:
    """Return the names of fields as one text in lower case."""
    return b"\n".join([name for name, _ in fields]).lower()


def mark_private(fields: Iterable[Field]) -> list[Field]:
    """Return a copy of the fields that keeps a response which depends on its session out of caches.

    A `Cache-Control` that says `private` or `no-store` stays as it is; any other is replaced.
    """
    kept = list(fields)
    names = _names_in(kept) if kept else b""
    if names.find(_CACHE) < 0 and names.find(_VARY) < 0:
        kept += _PRIVATE_FIELDS
        return kept
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
    # A layer below has added its own at the end.
    index = len(fields) - 1 if fields and fields[-1][0] == _VARY else index_of(fields, _VARY)
    if index < 0:
        fields.append((_VARY, by))
        return
    field, value = fields[index]
    fields[index] = (field, _varying(value, by))


@lru_cache(maxsize=500)
def _varying(vary: bytes, by: bytes) -> bytes:
    return vary if _is_named(vary, by.lower()) else vary + b", " + by


def _is_named(vary: bytes, name: bytes) -> bool:
    if vary.lower().find(name) < 0 and vary.find(b"*") < 0:
        return False
    named = {each.strip().lower() for each in vary.split(b",")}
    return name in named or b"*" in named


def _is_private(cache_control: bytes) -> bool:
    directives = {each.strip().lower() for each in cache_control.split(b",")}
    return any(each in directives for each in _PRIVATE)
