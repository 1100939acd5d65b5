"""What a store keeps of a session, and the results of its verbs."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class EndReason(StrEnum):
    """Why a session has ended, or a socket was disconnected from it.

    - LOGOUT, `logout`: the visitor has left, by a logout, or the app has destroyed the session.
    - EXPIRED, `expired`: its time is over, or the store has lost it.
    - ROTATED, `rotated`: it goes on under another id, after a sign-in say.
    - REVOKED, `revoked`: it was ended from elsewhere, as one of a user's.
    - SHUTDOWN, `shutdown`: the server stops; the session goes on.
    """

    # A tombstone has LOGOUT, ROTATED or REVOKED. A missing record means EXPIRED; neither that nor
    # SHUTDOWN is ever stored.
    LOGOUT = "logout"
    EXPIRED = "expired"
    ROTATED = "rotated"
    REVOKED = "revoked"
    SHUTDOWN = "shutdown"


class Lease(NamedTuple):
    """When a record was read, and when it ends, by the store's clock.

    Attributes:
        now: the time of the read, in seconds since the epoch.
        expires_at: when the record ends unless it is extended, in seconds since the epoch.
    """

    now: float
    expires_at: float

    @property
    def seconds(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.expires_at - self.now)


class Record(NamedTuple):
    """A live session as a store holds it.

    Attributes:
        data: JSON in UTF-8, an object at the top.
        version: 1 at creation, one more with every commit.
        created_at: seconds since the epoch, by the store's clock.
        absolute_at: when it ends however often it is extended; likewise.
        owner: an opaque string that is kept with the data, or None.
        lease: when the record was read, and when it ends; None in reads of many.
        predecessor: an opaque string about the session that this one is to replace, which may still
            live: until a commit without it, no use extends the record. None for all others.
    """

    data: bytes
    version: int
    created_at: float
    absolute_at: float
    owner: str | None = None
    lease: Lease | None = None
    predecessor: str | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The trace of a session that was ended on purpose.

    Attributes:
        reason: LOGOUT, ROTATED or REVOKED.
        successor: the key of the session that replaced it in a rotation, else None.
        lease: when the tombstone was read by `load`, and when it goes; None from other verbs. It
            makes no difference between two tombstones.
        predecessor: that of the record which was ended.
    """

    reason: EndReason
    successor: str | None = None
    lease: Lease | None = field(default=None, compare=False)
    predecessor: str | None = None


@dataclass(slots=True)  # a frozen one takes twice as long to make
class Committed:
    """The write happened; `record` is what is stored now, or what was stored last before an end."""

    record: Record


@dataclass(slots=True)  # a frozen one takes twice as long to make
class Conflict:
    """Nothing was written: `record`, which is newer, is stored."""

    record: Record


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing was written: the session has ended. Without a tombstone it has expired."""

    tombstone: Tombstone | None = None

    @property
    def reason(self) -> EndReason:
        """The tombstone's reason, or EXPIRED."""
        return self.tombstone.reason if self.tombstone else EndReason.EXPIRED


LoadResult = Record | Tombstone | None
"""The result of a read: a live session, the tombstone of one, or nothing."""


@dataclass(frozen=True, slots=True)
class NotModified:
    """The result of a conditional read of a record that still has the given version."""


NOT_MODIFIED = NotModified()

ConditionalResult = LoadResult | NotModified
"""The result of a conditional read."""

CommitOutcome = Committed | Conflict | Gone
"""The result of a write: it happened, a newer record is stored, or the session has ended."""


def newer(record: Record, other: Record | None) -> Record:
    """Return the one of a session's records that has the higher version."""
    return other if other and other.version > record.version else record
