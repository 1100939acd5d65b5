"""Session data as JSON, and the difference between two states of them."""

from collections.abc import Iterable
from typing import Any

import orjson

from app.sessions.errors import SessionDataError

EMPTY = b"{}"


class Changes:
    """Plain writes by top-level key: what was set, and what was deleted."""

    __slots__ = ("_deleted", "_set")

    def __init__(self, changed: dict[str, bytes], deleted: Iterable[str]) -> None:
        self._set = changed
        self._deleted = frozenset(deleted)

    @classmethod
    def between(cls, stored: bytes, data: dict[str, Any] | None) -> "Changes":
        """Compare data with the JSON they were read from; None means that nobody looked at them."""
        if data is None:
            return _NONE
        written = dump(data)
        if written == stored:
            return _NONE
        before = parse(stored)
        changed = {
            name: text
            for name, value in data.items()
            if (text := dump(value)) != (dump(before[name]) if name in before else None)
        }
        return cls(changed, before.keys() - data.keys())

    def __bool__(self) -> bool:
        return bool(self._set or self._deleted)

    def apply_to(self, data: dict[str, Any]) -> None:
        """Make the same changes to other data."""
        for name, text in self._set.items():
            data[name] = orjson.loads(text)
        for name in self._deleted:
            data.pop(name, None)


def dump(value: Any) -> bytes:
    """Write JSON; raises SessionDataError for what JSON has no form for."""
    try:
        return orjson.dumps(value, option=_STRICT)
    except TypeError as error:
        raise SessionDataError(f"session data must be JSON: {error}") from error


def parse(data: bytes) -> dict[str, Any]:
    """Read what `dump` wrote of a dict."""
    loaded: dict[str, Any] = orjson.loads(data)
    return loaded


# Without these, a datetime or a dataclass would go in as itself and come back as something else.
_STRICT = (
    orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)

_NONE = Changes({}, ())
