"""What the clients of one session saw: operations, connections, and the messages that they were sent."""

import math
from dataclasses import dataclass, field
from enum import Enum, StrEnum

IDLE_SECONDS = 120
"""After so many without use a session ends, by the clock of the store."""


class Kind(StrEnum):
    """What a client asks for."""

    INCREMENT = "increment"
    READ = "read"
    CONNECT = "connect"
    ROTATE = "rotate"
    SIGN_IN = "sign in"
    LOGOUT = "logout"
    BAN = "ban"


MOVES = {Kind.ROTATE, Kind.SIGN_IN}
"""After which the session has another id."""

ENDS = {Kind.LOGOUT, Kind.BAN}
"""After which there is no session."""


class Outcome(Enum):
    """What a client knows afterwards."""

    OK = "ok"
    ENDED = "the id is that of no session, by what the answer says"
    FAILED = "it has had no effect"
    UNKNOWN = "it may have had its effect, or may have it later"


class Dead(StrEnum):
    """How an answer says that an id is that of no session."""

    ENDED = "session ended"
    STRANGER = "served as a visitor without a session"


@dataclass
class Operation:
    """What one client asked for once, and was told. Times are seconds of one monotonic clock.

    Attributes:
        kind: what it asked for.
        node: whom it asked.
        id: which of the session's ids it had, 0 for the first.
        invoked: when it asked.
        returned: when it was answered; infinite if it was not.
        outcome: what it knows.
        count: the count that it was told.
        user: the user that it was told is signed in.
        once: the key by which it is repeated.
        new_id: the id that came with the answer.
        dead: how the answer says that the id is that of no session.
        said: what the answer was, for people.
    """

    kind: Kind
    node: int
    id: int
    invoked: float
    returned: float = math.inf
    outcome: Outcome = Outcome.UNKNOWN
    count: int | None = None
    user: str | None = None
    once: str | None = None
    new_id: int | None = None
    dead: Dead | None = None
    said: str = ""


@dataclass
class Received:
    """A message that a client was sent."""

    at: float
    source: str
    number: int


@dataclass
class Connection:
    """A socket of Socket.IO, from its CONNECT to its close.

    Attributes:
        client: which of the session's clients has it; it comes back by the next one.
        node: where it is.
        id: which of the session's ids it has.
        opened: when CONNECT was answered.
        listening: when it was in the room for sure: what is sent from then on is for it.
        recovered: whether the client was told that it missed nothing.
        closed: when it was closed; None while it is open.
        final: it was told by a DISCONNECT packet not to come back.
        messages: what it was sent, in order.
        counts: the values of the state that it was sent, in order.
    """

    client: int
    node: int
    id: int
    opened: float
    listening: float = math.inf
    recovered: bool = False
    closed: float | None = None
    final: bool = False
    messages: list[Received] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


@dataclass
class Message:
    """A message that was sent to the room of the session's clients.

    Attributes:
        source: the node that sent it; its numbers grow.
        number: which one it is.
        invoked: when it was asked for.
        taken: when the node said that it was sent; None if it did not.
    """

    source: str
    number: int
    invoked: float
    taken: float | None = None


@dataclass
class Visit:
    """Another session of the user, who signed in to it while the first one went on, or was banned.

    Attributes:
        signed_in: the sign-in; it has failed if it was answered that there is no such session any more, and
            is in doubt if it was answered by an error that came with a new id. It is a stranger's if the
            session that was opened for it was not there.
        uses: what was asked with its id since.
    """

    signed_in: Operation
    uses: list[Operation] = field(default_factory=list)


@dataclass
class Window:
    """When a node, or all of them if it is None, could not be expected to act at once.

    Attributes:
        began: when the nemesis began.
        over: when all was well again.
        node: whom it was about.
        is_failover: another server became the master: what is read meanwhile may not have been waited for
            yet, and be lost, or be what a master has that is none any more. Nothing is promised of it.
        is_stop: the node was stopped: when it goes on, it looks at its sessions before it handles or sends
            anything.
        ahead: the seconds by which the clock of the store jumped ahead, which kept nobody from acting: what
            has a deadline by it comes to its end so much earlier.
    """

    began: float
    over: float
    node: int | None = None
    is_failover: bool = False
    is_stop: bool = False
    ahead: float = 0.0

    def keeps(self, node: int) -> bool:
        """Return True if it kept a node from acting."""
        return not self.ahead and self.node in {None, node}

    @property
    def ends_sessions(self) -> bool:
        """Return True if it may have ended sessions: they were used some seconds before, at the most."""
        return self.ahead > IDLE_SECONDS / 2


@dataclass
class History:
    """All that the clients of one session saw.

    Attributes:
        operations: in no order.
        connections: each client's in their order.
        messages: each source's in their order.
        windows: what the nemesis kept from acting.
        users: who is signed in under each id, None for nobody.
        visits: the other sessions of the user.
        finished: when it was over, and every client could be reached.
        odd: answers that nobody was promised.
    """

    operations: list[Operation] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    users: list[str | None] = field(default_factory=lambda: [None])
    visits: list[Visit] = field(default_factory=list)
    finished: float = math.inf
    odd: list[str] = field(default_factory=list)

    def may_have_expired(self, at: float) -> bool:
        """Return True if the session's deadline may have come by the clock of the store."""
        return any(window.ends_sessions and window.began <= at for window in self.windows)

    def in_failover(self, each: Operation) -> bool:
        """Return True if a failover was under way during an operation."""
        return any(
            window.is_failover and each.invoked <= window.over and each.returned >= window.began
            for window in self.windows
        )
