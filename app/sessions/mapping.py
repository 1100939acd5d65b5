"""What a session has in common with a dict."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol, Self

from .values import check_item

Data = dict[str, Any]


class Keyed(Protocol):
    """What dict.update takes for a mapping."""

    def keys(self) -> Iterable[str]: ...

    def __getitem__(self, name: str, /) -> Any: ...


Pairs = Keyed | Iterable[tuple[str, Any]]


class SessionMapping(MutableMapping[str, Any]):
    """The habits of a dict, over data that may be loaded late and that may have ended.

    MutableMapping brings `get`, `setdefault`, `pop`, `clear` and comparison.
    """

    __slots__ = ()

    @abstractmethod
    def _items(self) -> Data:
        """Return the data, as a dict that may be changed in place."""

    @abstractmethod
    def _writable_items(self) -> Data:
        """Return the same, or raise an error if nobody would store what is written."""

    def update(self, other: Pairs = (), /, **values: Any) -> None:
        """Set keys from a mapping, from pairs or from keyword arguments, as dict.update does.

        Raises:
            TypeError: `other` is a function, which is what `transact` takes.
            SessionDataError: a value cannot be stored as it is; nothing was set.
        """
        if _is_function(other):
            raise TypeError(
                "session.update() takes a mapping and is a plain write; "
                "for an atomic read-modify-write use: await session.transact(fn)"
            )
        items = self._writable_items()
        new: Data = {}
        new.update(other, **values)
        for name, value in new.items():
            check_item(name, value)
        items.update(new)

    def popitem(self) -> tuple[str, Any]:
        """Remove the key that was set last, and return it with its value, as dict.popitem does."""
        return self._writable_items().popitem()

    def copy(self) -> Data:
        """Return the data as a dict of its own; nested values are shared, as in dict.copy."""
        return self._items().copy()

    def __ior__(self, other: Pairs) -> Self:
        self.update(other)
        return self

    def __or__(self, other: Mapping[str, Any]) -> Data:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._items() | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> Data:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(other) | self._items()

    def __getitem__(self, name: str) -> Any:
        return self._items()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        items = self._writable_items()
        check_item(name, value)
        items[name] = value

    def __delitem__(self, name: str) -> None:
        del self._writable_items()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._items())

    def __len__(self) -> int:
        return len(self._items())


def _is_function(other: object) -> bool:
    return callable(other) and not hasattr(other, "keys")
