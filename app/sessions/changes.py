"""Session data as JSON, and the difference between two states of them."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from .errors import SessionDataError, UnreadableRecordError
from .values import MAX_DEPTH, check_containers, check_data, is_same

EMPTY = b"{}"


class Changes:
    """Plain writes by top-level key: what was set, and what was deleted."""

    __slots__ = ("_deleted", "_set")

    def __init__(self, changed: dict[str, bytes], deleted: Iterable[str]) -> None:
        self._set = changed
        self._deleted = frozenset(deleted)

    @classmethod
    def between(cls, stored: bytes, data: dict[str, Any] | None) -> "Changes":
        """Return the changes since data were read from JSON; None means that they were not accessed.

        Raises:
            SessionDataError: a list or dict has got something that would not come back as it is.
        """
        if data is None:
            return NO_CHANGES
        if dump_checked(data, check_containers) == stored:
            return NO_CHANGES
        before = parse(stored)
        changed = {
            name: text
            for name, value in data.items()
            if (text := dump(value)) != (dump(before[name]) if name in before else None)
        }
        return cls(changed, before.keys() - data.keys())

    def __bool__(self) -> bool:
        return bool(self._set or self._deleted)

    @property
    def names(self) -> list[str]:
        """The top-level keys that were set or deleted."""
        return [*self._set, *self._deleted]

    def apply_to(self, data: dict[str, Any]) -> None:
        """Apply the changes to other data, in place."""
        for name, text in self._set.items():
            data[name] = orjson.loads(text)
        for name in self._deleted:
            data.pop(name, None)


def dump(value: Any) -> bytes:
    """Return a value as JSON; raise SessionDataError if it has no JSON form."""
    try:
        return orjson.dumps(value, option=_STRICT)
    except TypeError as error:
        raise SessionDataError(f"session data must be JSON: {error}") from error


def dump_checked(
    data: dict[str, Any], check: Callable[[dict[str, Any]], None] = check_data
) -> bytes:
    """Return data as JSON; raise SessionDataError, with the path, if they would not come back as they are.

    `check` walks through them in Python. Unless they are small that takes several times as long as to
    read the JSON again and compare, and is left to data with a fault.
    """
    try:
        text = orjson.dumps(data, option=_STRICT)
        # The codec itself refuses those of them that would not come back, and keys that are no strings.
        if _SAFE.issuperset(map(type, data.values())):
            return text
        if len(text) > _SMALL_BYTES and _is_flat(text, data) and is_same(data, orjson.loads(text)):
            return text
    except TypeError:
        text = b""
    check(data)
    return text or dump(data)


def _is_flat(text: bytes, data: dict[str, Any]) -> bool:
    """Return True if no more lists and dicts are within each other than may be."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return True
    within: Any = data
    for _ in range(_SPARE_DEPTH):
        within = [within]
    orjson.dumps(within, option=_STRICT)  # or it raises a TypeError
    return True


def parse(data: bytes, key: str = "") -> dict[str, Any]:
    """Return the dict that `dump` wrote; raise UnreadableRecordError, with the session's key, for no JSON."""
    try:
        loaded = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UnreadableRecordError(key) from None
    if type(loaded) is not dict:
        raise UnreadableRecordError(key)
    return loaded


# Without these, a datetime or a dataclass would go in as itself and come back as something else.
_STRICT = (
    orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)

_SAFE = {int, str, bool, type(None)}
"""Types of which a value comes back as it is, if the codec takes it."""
_SMALL_BYTES = 500
_SPARE_DEPTH = 254 - (MAX_DEPTH + 1)
"""Lists around the data, with which the codec's own limit, 254, is ours."""

NO_CHANGES = Changes({}, ())
