"""The data that a handler works on, while newer records arrive under them."""

from collections.abc import Collection, Iterator
from typing import Any

from .changes import EMPTY, Changes, dump, parse
from .errors import SessionDataError

_MAX_REPLACED = 100


class LiveData:
    """A session's data as Python objects, with the plain writes that are not stored yet.

    A list or dict that a handler holds stays the one that is stored, as long as nobody else changes
    its key. If somebody does, newer data take its place; a change to the old one, which would be
    lost, is then refused, unless the handler has set it again.

    Args:
        stored: the data as JSON.
        key: the session's, for errors.

    Attributes:
        items: the data, which may be changed in place.
    """

    __slots__ = ("_key", "_replaced", "items")

    def __init__(self, stored: bytes, key: str) -> None:
        self._key = key
        self.items = parse(stored, key)
        self._replaced: list[tuple[str, Any, bytes | None]] = []
        """Lists and dicts that are no longer stored: their keys, and what they were when replaced."""

    def changes(self, stored: bytes) -> Changes:
        """Return the changes since data were read from JSON.

        Raises:
            SessionDataError: a value would not come back as it is, or a list or dict was changed that
                is no longer stored.
        """
        if self._replaced:
            self._settle()
        return Changes.between(stored, self.items)

    @classmethod
    def of(cls, draft: dict[str, Any], key: str) -> "LiveData":
        """Return data with the lists and dicts of a draft that was stored."""
        data = cls(EMPTY, key)
        data.items = dict(draft)
        return data

    def rebase(
        self,
        newest: bytes,
        mark: bytes,
        removed: Collection[str] = (),
        draft: dict[str, Any] | None = None,
    ) -> None:
        """Take newer data as the base, with the writes made since the mark on top of them.

        `removed` are the keys that the handler itself has removed: what was there is its own now.
        `draft` are the newer data as the objects that a transaction left, and may have returned.
        """
        if draft is not None:
            self._rebase(draft, mark, removed)
            self._note_displaced(draft)
        elif newest != mark:
            self._rebase(parse(newest, self._key), mark, removed)

    def _rebase(self, newest: dict[str, Any], mark: bytes, removed: Collection[str]) -> None:
        before = parse(mark)
        later = {
            name for name, value in self.items.items() if _text(value) != _text_in(before, name)
        }
        deleted = before.keys() - self.items.keys()
        live, self.items = self.items, dict(newest)
        for name in deleted:
            self.items.pop(name, None)
        for name, value in live.items():
            if name in later:
                self.items[name] = value
            else:
                self._keep(name, value, quietly=name in removed)

    def drop_changes(self, stored: bytes) -> None:
        """Take stored data, and drop all plain writes."""
        live, self.items = self.items, parse(stored, self._key)
        for name, value in live.items():
            self._keep(name, value)

    def _keep(self, name: str, value: Any, *, quietly: bool = False) -> None:
        """Keep an object that a handler may hold, if it is still what is stored; else note that it is not."""
        text = _text(value)
        if text is not None and text == _text_in(self.items, name):
            self.items[name] = value
        elif isinstance(value, dict | list) and not quietly:
            self._note(name, value, text)

    def _note_displaced(self, draft: dict[str, Any]) -> None:
        """Note what a transaction left where the handler holds another object."""
        for name, value in draft.items():
            if isinstance(value, dict | list) and self.items.get(name) is not value:
                self._note(name, value, _text(value))

    def _note(self, name: str, value: Any, text: bytes | None) -> None:
        self._replaced.append((name, value, text))
        del self._replaced[:-_MAX_REPLACED]

    def _settle(self) -> None:
        """Keep what was changed although another object has its place, or refuse the change."""
        present = set(_containers(self.items))
        self._replaced = [each for each in self._replaced if id(each[1]) not in present]
        for index, (name, value, text) in enumerate(self._replaced):
            if _text(value) == text:
                continue
            if text is None or text != _text_in(self.items, name):
                raise SessionDataError(
                    f"{name}: changed after newer data had taken its place, by transact(), save() or "
                    "reload(): read it from the session again before changing it",
                    path=name,
                )
            # The two were equal, and one alone was changed.
            self._replaced[index] = name, self.items[name], text
            self.items[name] = value


def _containers(value: Any) -> Iterator[int]:
    """Yield the identity of every list and dict within a value, and of itself."""
    waiting, seen = [value], set[int]()
    while waiting:
        each = waiting.pop()
        if not isinstance(each, dict | list) or id(each) in seen:
            continue
        seen.add(id(each))
        yield id(each)
        waiting.extend(each.values() if isinstance(each, dict) else each)


def _text_in(data: dict[str, Any], name: str) -> bytes | None:
    """Return a value of data as JSON, which is never empty, or nothing if it is not there."""
    return _text(data[name]) if name in data else b""


def _text(value: Any) -> bytes | None:
    """Return a value as JSON, None if it has no JSON form."""
    try:
        return dump(value)
    except SessionDataError:
        return None
