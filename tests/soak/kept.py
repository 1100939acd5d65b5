"""What the objects of the package keep in containers, by type and attribute: where something grows."""

import gc
from collections import Counter, deque
from collections.abc import Iterable, Sized
from types import ModuleType
from typing import Any

_PACKAGE = "app."
_CONTAINERS = (dict, set, list, deque)


def kept() -> Counter[str]:
    """Return how many entries there are, those of containers in containers too, for each attribute.

    Containers that are held by nothing but a closure or a frame are not seen.
    """
    gc.collect()
    found = Counter[str]()
    for owner in gc.get_objects():
        if (kind := _kind(owner)) is not None:
            for name, value in _attributes(owner):
                if isinstance(value, _CONTAINERS):
                    found[f"{kind}.{name}"] += _entries(value)
    return found


def _kind(owner: object) -> str | None:
    """Return what to call an object of the package, or one of its modules; None for anything else."""
    if isinstance(owner, ModuleType):
        return owner.__name__ if owner.__name__.startswith(_PACKAGE) else None
    kind = type(owner)
    return kind.__qualname__ if str(kind.__module__).startswith(_PACKAGE) else None


def _attributes(owner: object) -> Iterable[tuple[str, Any]]:
    yield from list(getattr(owner, "__dict__", {}).items())
    for each in type(owner).__mro__:
        for name in each.__dict__.get("__slots__", ()):
            slot = f"_{each.__name__.lstrip('_')}{name}" if name.startswith("__") else name
            if slot not in {"__dict__", "__weakref__"} and hasattr(owner, slot):
                yield name, getattr(owner, slot)


def _entries(container: Any) -> int:
    values = container.values() if isinstance(container, dict) else container
    inner = (len(each) for each in list(values) if isinstance(each, _CONTAINERS))
    assert isinstance(container, Sized)
    return len(container) + sum(inner)
