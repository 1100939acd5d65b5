"""Which dependencies are Mooring's own: whoever has the value at hand need not call them."""

from collections.abc import Callable
from typing import Any, TypeVar

Dependency = TypeVar("Dependency", bound=Callable[..., Any])

_NAMES: dict[Any, str] = {}


def provides(name: str) -> Callable[[Dependency], Dependency]:
    """Register the decorated dependency under the name of the value that it gives."""

    def register(dependency: Dependency) -> Dependency:
        _NAMES[dependency] = name
        return dependency

    return register


def provided_by(dependency: Any) -> str | None:
    """Return the name of the value that one of Mooring's dependencies gives; None for any other one."""
    try:
        return _NAMES.get(dependency)
    except TypeError:  # an instance of an app's own class that has no hash
        return None
