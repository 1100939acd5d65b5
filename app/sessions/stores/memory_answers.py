"""The answers of what takes effect once, in this process's memory."""

from typing import NamedTuple

from .answers import Answer, AnswerLimits, NoRoom, Once


class _Kept(NamedTuple):
    """An answer, and when it was stored."""

    at: float
    version: int
    once: Once


class Answers:
    """Those of one session.

    Every method takes the time of its caller's clock, in seconds.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def find(self, name: str, now: float, limits: AnswerLimits) -> Answer | None:
        """Return what is kept under a name, None if there is nothing."""
        kept = self._kept.get(name)
        if kept is None or kept.at + limits.keep <= now:
            return None
        return Answer(kept.once.answer, now - kept.at, kept.version)

    def no_room(self, once: Once, now: float, limits: AnswerLimits) -> NoRoom | None:
        """Return None if there is room for an answer; remove what has expired if there is none."""
        if self._fits(once, limits):
            return None
        self._kept = {
            name: each for name, each in self._kept.items() if each.at + limits.keep > now
        }
        if self._fits(once, limits):
            return None
        first = min((each.at for each in self._kept.values()), default=now)
        return NoRoom(first + limits.keep - now)

    def put(self, once: Once, now: float, *, version: int = 0) -> None:
        """Store an answer."""
        self._kept[once.name] = _Kept(now, version, once)

    def remove(self, name: str) -> None:
        """Remove what is kept under a name."""
        self._kept.pop(name, None)

    def add_copies(self, other: "Answers") -> None:
        """Add those of a predecessor; one that is here already stays."""
        for name, each in other._kept.items():  # noqa: SLF001 - of its own class
            self._kept.setdefault(name, each._replace(version=0))

    def _fits(self, once: Once, limits: AnswerLimits) -> bool:
        others = [each.once for name, each in self._kept.items() if name != once.name]
        number = sum(not each.step for each in others)
        size = len(once.answer) + sum(len(each.answer) for each in others)
        return (once.step or number < limits.number) and size <= limits.max_bytes
