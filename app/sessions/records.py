"""What a store keeps of a session, and what it answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class EndReason(StrEnum):
    """Why a session, or a socket's mooring to it, has ended.

    A tombstone carries LOGOUT, ROTATED or REVOKED. EXPIRED is what a missing record means,
    and SHUTDOWN is a node's own reason to let its sockets go: neither is ever stored.
    """

    LOGOUT = "logout"
    EXPIRED = "expired"
    ROTATED = "rotated"
    REVOKED = "revoked"
    SHUTDOWN = "shutdown"


class Lease(NamedTuple):
    """How long a record has to live, by the store's clock; both are seconds since the epoch."""

    now: float
    expires_at: float

    @property
    def seconds(self) -> float:
        """What is left of it; never negative."""
        return max(0.0, self.expires_at - self.now)


class Record(NamedTuple):
    """A live session as a store holds it.

    `data` is JSON, an object at the top. `version` is 1 at creation and grows by one with every
    commit. `created_at` and `absolute_at` are seconds since the epoch, by the store's clock.
    `lease` is None where the read did not ask for it (reads of many).
    """

    data: bytes
    version: int
    created_at: float
    absolute_at: float
    owner: str | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a session that was ended on purpose.

    `successor` is the key of the session that a rotation put in its place.
    """

    reason: EndReason
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """The write happened; `record` is what the store holds now."""

    record: Record


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was written: the store holds a newer record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing was written: the session has ended. No tombstone means that its time was up."""

    tombstone: Tombstone | None = None

    @property
    def reason(self) -> EndReason:
        """The tombstone's reason, or EXPIRED."""
        return self.tombstone.reason if self.tombstone else EndReason.EXPIRED


Found = Record | Tombstone | None
"""What a read finds: a live session, the tombstone of one, or nothing."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What a read says of a live record that still has the version it was asked about."""


UNCHANGED = Unchanged()

Newer = Found | Unchanged
"""What such a read finds."""

CommitOutcome = Committed | Conflict | Gone
