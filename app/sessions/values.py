"""Which values a session keeps: those that JSON gives back as they were, types included."""

import marshal
from collections.abc import Callable
from math import isfinite
from typing import Any

from ..article import with_article
from .errors import SessionDataError

Step = str | int
"""A key of a dict, or an index of a list."""

MAX_DEPTH = 200
"""Lists and dicts within each other; the codec has a limit a little above it."""

_BY_VALUE = 2
_LEAST, _MOST = -(2**63), 2**64 - 1
_LONGEST_KEY = 80

_HINTS = {
    "tuple": "it would come back as a list",
    "datetime": "keep its isoformat()",
    "date": "keep its isoformat()",
    "time": "keep its isoformat()",
    "timedelta": "keep its total_seconds()",
    "UUID": "keep its str()",
    "Decimal": "keep its str()",
    "set": "keep a sorted list",
    "frozenset": "keep a sorted list",
    "bytes": "keep it as Base64",
}


class _RefusedError(Exception):
    """A value, or one within it, is refused; the steps lead to it, the last one first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.steps: list[Step] = []


def check_item(name: Any, value: Any) -> None:
    """Raise SessionDataError if a top-level key or its value would not come back as it is."""
    try:
        _check_key(name)
        _check_at(name, value, 1)
    except _RefusedError as refused:
        raise _error(refused) from None


def check_data(data: dict[str, Any]) -> None:
    """Raise SessionDataError if data would not come back as they are."""
    for name, value in data.items():
        check_item(name, value)


def check_containers(data: dict[str, Any]) -> None:
    """Do the same for data whose top-level items were checked when they were set."""
    for name, value in data.items():
        if type(value) in (dict, list):
            check_item(name, value)


def is_same(one: Any, other: Any) -> bool:
    """Return True if two values are equal and of one type at every depth, in C.

    Version 2 of the format writes each value by its type, exactly: it has no form for an instance of
    a subclass, and none that depends on anything but the value. False may also mean that a value is
    no plain data.
    """
    try:
        return marshal.dumps(one, _BY_VALUE) == marshal.dumps(other, _BY_VALUE)
    except ValueError:
        return False


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    check = _CHECKS.get(kind)
    if check is None:
        raise _RefusedError(_explain(kind, value))
    check(value, depth)


def _check_int(value: int, _depth: int) -> None:
    if not _LEAST <= value <= _MOST:
        raise _RefusedError("an integer of more than 64 bits cannot be kept")


def _check_float(value: float, _depth: int) -> None:
    if not isfinite(value):
        raise _RefusedError(f"JSON has no {value}")


def _check_str(value: str, _depth: int) -> None:
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _RefusedError("a string with a lone surrogate is no Unicode text") from None


def _check_list(value: list[Any], depth: int) -> None:
    _check_depth(depth)
    for index, item in enumerate(value):
        _check_at(index, item, depth + 1)


def _check_dict(value: dict[Any, Any], depth: int) -> None:
    _check_depth(depth)
    for name, item in value.items():
        _check_key(name)
        _check_at(name, item, depth + 1)


def _check_at(step: Step, value: Any, depth: int) -> None:
    try:
        _check(value, depth)
    except _RefusedError as refused:
        refused.steps.append(step)
        raise


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _RefusedError(f"more than {MAX_DEPTH} lists and dicts within each other")


def _check_key(name: Any) -> None:
    if type(name) is not str:
        raise _RefusedError(f"a key that is {with_article(type(name))}: keys are strings")
    _check_str(name, 0)


_CHECKS: dict[type, Callable[[Any, int], None]] = {
    bool: lambda _value, _depth: None,
    type(None): lambda _value, _depth: None,
    str: _check_str,
    int: _check_int,
    float: _check_float,
    list: _check_list,
    dict: _check_dict,
}
"""For each type that comes back as it is; an instance of a subclass would not."""


def _explain(kind: type, value: Any) -> str:
    hint = _HINTS.get(kind.__name__)
    if hint is None and hasattr(value, "model_dump"):
        hint = 'keep its model_dump(mode="json")'
    if hint is None and hasattr(kind, "__members__"):
        hint = "keep its value"
    if hint is None:
        base = next((each for each in kind.__mro__ if each in (str, int, float, dict, list)), None)
        hint = base and f"convert it by {base.__name__}()"
    return f"{with_article(kind)} is no JSON value" + (f": {hint}" if hint else "")


def _error(refused: _RefusedError) -> SessionDataError:
    path = _path(refused.steps[::-1])
    return SessionDataError(f"{path}: {refused}" if path else str(refused), path=path or None)


def _path(steps: list[Step]) -> str:
    """Return steps as one writes them, `cart.items[3].at`; what is no name is quoted."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() and step.isascii() and len(step) <= _LONGEST_KEY:
            text += f".{step}" if text else step
        else:
            text += f"[{step[:_LONGEST_KEY]!a}]"
    return text
