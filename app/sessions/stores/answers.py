"""An extra ability of a store: to keep the answers of what takes effect once."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from ..models import CommitOutcome, Gone


class Answer(NamedTuple):
    """What is kept under a name.

    Attributes:
        value: as it was given.
        age: seconds since it was stored, by the store's clock.
        version: that of the record which was committed with it; 0 if it is another session's by now,
            or if none was.
    """

    value: bytes
    age: float
    version: int = 0


class Once(NamedTuple):
    """What is to be kept with a commit.

    Attributes:
        name: under which it is kept.
        answer: what to keep.
        step: whether the name belongs to another one.
    """

    name: str
    answer: bytes
    step: bool = False


class NoRoom(NamedTuple):
    """Nothing was written: the session has as many answers as are kept.

    Attributes:
        retry_after: seconds after which there is room for one more.
    """

    retry_after: float


class AnswerLimits(NamedTuple):
    """How long answers are kept, and how many. The nodes of one store agree on it.

    Attributes:
        keep: seconds.
        number: how many a session may have, beside those of steps.
        max_bytes: how many bytes all of them may take.
    """

    keep: float = 600.0
    number: int = 1000
    max_bytes: int = 1_000_000


LIMITS = AnswerLimits()


class AnswerStore(ABC):
    """Keeps answers by name beside the record of a session, for some minutes.

    They are no part of its data: they count for none of its limits, no read of a record returns them, and
    a write of them changes no version and no deadline. They go with a session that is ended; those of one
    whose time is over may stay until they are too old. One that is older than `limits.keep` does not exist,
    for any verb; it is removed when there is no more room.
    None is removed before: what has no room is refused.

    Names and values are opaque; a step is a name that belongs to another one, and does not count for the
    number. Every verb but `copy_answers` is one atomic step and one round trip; each raises
    StoreUnavailableError if there is no reply.
    """

    @abstractmethod
    async def commit_once(
        self,
        key: str,
        version: int,
        data: bytes,
        once: Once,
        *,
        idle: float | None = None,
        owner: str | None = None,
        limits: AnswerLimits = LIMITS,
    ) -> CommitOutcome | Answer | NoRoom:
        """Do what `SessionStore.commit` does, and store an answer with it, unless there is one.

        Args:
            key: the session key.
            version: that of the record which was read before.
            data: JSON, an object at the top.
            once: the answer, and its name.
            idle: as in `commit`.
            owner: likewise.
            limits: how long answers are kept, and how many.

        Returns:
            The answer that is kept already, whatever the version: nothing was written. NoRoom: likewise. Else
            the outcome of the commit; with Committed the answer is kept, with others it is not.
        """

    @abstractmethod
    async def swap_answer(
        self,
        key: str,
        name: str,
        value: bytes | None,
        *,
        expected: bytes | None = None,
        limits: AnswerLimits = LIMITS,
    ) -> Answer | Gone | NoRoom | None:
        """Store a value under a name if there is none, or the expected one; None removes the expected one.

        Args:
            key: the session key.
            name: under which the value is kept.
            value: what to keep.
            expected: what may be replaced, or is to be removed.
            limits: how long answers are kept, and how many.

        Returns:
            None if the name has the value now; else what is kept, and nothing was done. Gone if the
            session has ended, NoRoom if there is no room for a new name. To remove what is not there
            does nothing, and returns None. From what was ended as rotated, too, the expected value is
            removed: it may not have been copied to its successor yet.
        """

    @abstractmethod
    async def read_answer(
        self, key: str, name: str, *, limits: AnswerLimits = LIMITS
    ) -> Answer | None:
        """Return what is kept under a name, None if there is nothing.

        Args:
            key: the session key.
            name: its name.
            limits: how long answers are kept.
        """

    @abstractmethod
    async def copy_answers(
        self, key: str, successor: str, *, limits: AnswerLimits = LIMITS
    ) -> None:
        """Add the answers of a session that was ended as rotated to those of its successor.

        Their ages stay, their versions become 0. What the successor has already stays as it is, and what
        is removed from both meanwhile, the one that has ended first, does not come back. If the successor
        has ended, or has no predecessor any more, this does nothing.

        Args:
            key: the session key of the one that has ended.
            successor: that of the other one, which has a record already.
            limits: how long answers are kept.
        """
