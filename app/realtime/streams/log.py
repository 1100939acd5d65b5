"""The port of what is kept of streams, for readers of all nodes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from ..targets import Target


@dataclass(frozen=True, slots=True)
class StreamName:
    """Which stream: ids are unique among those of one session, or user.

    Attributes:
        to: the session, or the user, whose sockets read it.
        namespace: where they are.
        id: given by the application, or random.
    """

    to: Target
    namespace: str
    id: str


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What is kept, and how long something is waited for; seconds and bytes.

    Attributes:
        lease: without a sign of its producer for so long, a stream may be ended by its readers.
        hold: how long a reader that reads nothing is waited for.
        keep: how long a stream is kept after its end.
        bytes: of a stream that are kept at least, if there are so many; older chunks go.
        streams: of one session or user, live ones and those that are kept.
    """

    lease: float = 5.0
    hold: float = 10.0
    keep: float = 60.0
    bytes: int = 4 << 20
    streams: int = 100


class Chunk(NamedTuple):
    """Some items of a stream, as they are sent.

    Attributes:
        start: the number of its first item.
        end: the number of the item behind its last one.
        body: the packet's body, as JSON (see Body.on_the_bus).
        last: nothing follows.
    """

    start: int
    end: int
    body: bytes
    last: bool = False


class State(StrEnum):
    """How far a stream has come."""

    OPEN = "open"
    ENDED = "ended"
    ABANDONED = "abandoned"
    GONE = "gone"


class Progress(NamedTuple):
    """The reply to a producer.

    Attributes:
        state: OPEN, or why nothing can be appended any more.
        ahead: bytes that the slowest reader has not read; 0 if nobody is waited for.
    """

    state: State
    ahead: int = 0


class KeptChunk(NamedTuple):
    """A chunk as a reader gets it; `position` is the number of bytes up to its end."""

    chunk: Chunk
    position: int


class Reading(NamedTuple):
    """The reply to a reader.

    Attributes:
        state: GONE if nothing is known of the stream.
        chunks: what comes next; the first one may begin later than what was asked for: the rest is lost.
        position: bytes of the stream up to where the reader was.
        overdue: its producer has given no sign of life within the lease.
        event: the name of the event that its chunks are sent as.
    """

    state: State
    chunks: list[KeptChunk]
    position: int = 0
    overdue: bool = False
    event: str = ""


class Reader(NamedTuple):
    """Who reads, and from where.

    Attributes:
        id: of the socket.
        offset: the number of the first item that it lacks.
        position: bytes that it has read, as the last Reading or KeptChunk said; None if that is not known.
    """

    id: str
    offset: int
    position: int | None = None


class StreamLog(Protocol):
    """Keeps chunks in order. What it does raises BusUnavailableError if there is no reply: it may be done.

    Everything may be repeated: a chunk that was appended before is not appended again. The slowest reader
    is the one with the lowest position among those that have read within `hold` seconds; if there are none,
    among those that have left within that time. Until the first one reads, a
    stream has one that has left at 0.
    """

    async def open(self, name: StreamName, event: str) -> bool:
        """Begin a stream; return False if there is one of that name.

        Raises:
            TooManyStreamsError: the session, or user, has as many as may be.
        """

    async def append(self, name: StreamName, chunk: Chunk) -> Progress:
        """Append a chunk if the stream is open and ends where it starts; renew the lease.

        A stream that ends before that has lost chunks, and is GONE.
        """

    async def renew(self, name: StreamName) -> Progress:
        """Show that the producer lives."""

    async def abandon(self, name: StreamName, chunk: Chunk) -> bool:
        """End an open stream whose producer is overdue with a last chunk, which starts where it ends.

        Return whether that was done.
        """

    async def discard(self, name: StreamName) -> None:
        """Forget a stream, whatever its state."""

    async def find(self, to: Target, namespace: str) -> list[str]:
        """Return the ids of a session's or user's streams, those that have ended and are kept, too."""

    async def read(self, name: StreamName, reader: Reader, count: int) -> Reading:
        """Return up to so many chunks, the first of which has the item at the reader's offset."""

    async def leave(self, name: StreamName, reader: Reader) -> None:
        """Note that a reader reads no more."""
