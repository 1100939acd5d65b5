"""Options of the Socket.IO server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..asgi.limits import UNSENT_BYTES
from .counters import Counters, MemoryCounters
from .recovery.store import MemoryRecoveryStore, RecoveryStore
from .stop_detector import running_time
from .streams.log import StreamLog
from .streams.memory import MemoryStreamLog

Activity = Literal["http", "events", "connected"]


@dataclass(frozen=True)
class RealtimeOptions:
    """Options of a RealtimeService.

    Attributes:
        reload_interval: seconds within which each session that has sockets is read again.
        activity: what extends a session's idle deadline: requests and handshakes alone, events too,
            or an open socket.
        max_sockets: sockets of one session that this node accepts.
        verify_token: returns the session id of a token in a CONNECT packet, or None for one that was not
            issued; None where there are no tokens.
        max_events: events of one socket that may wait for their handler.
        max_packet_bytes: size of the largest frame, or POST, that is accepted.
        max_buffered_bytes: how much may be queued for a client that does not read.
        ping_interval: seconds between a pong and the next ping.
        ping_timeout: seconds that a client has to answer a ping.
        connect_timeout: seconds that a client has to connect to the namespace after its handshake,
            and to send the attachments that a packet has announced.
        overrides: returns the app's `dependency_overrides`.
        counters: counts events that have a limit.
        streams: keeps what is sent in streams.
        fast_dependencies: solve dependencies that take nothing of a request without FastAPI.
        fast_codec: encode and decode plain packets without python-socketio.
        recovery: keeps what sockets of namespaces with recovery are, for their return.
        recovery_window: seconds within which they may.
        clock: returns seconds of a clock that goes on while the machine sleeps.
        stop_clock: the same, for the node to notice that it was stopped.
    """

    reload_interval: float = 30.0
    activity: Activity = "events"
    max_sockets: int = 100
    verify_token: Callable[[str], str | None] | None = None
    max_events: int = 10_000
    max_packet_bytes: int = 1_000_000
    max_buffered_bytes: int = UNSENT_BYTES
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_timeout: float = 10.0
    overrides: Callable[[], Mapping[Any, Any]] = dict
    counters: Counters = field(default_factory=MemoryCounters)
    streams: StreamLog = field(default_factory=MemoryStreamLog)
    fast_dependencies: bool = True
    fast_codec: bool = True
    recovery: RecoveryStore = field(default_factory=MemoryRecoveryStore)
    recovery_window: float = 120.0
    clock: Callable[[], float] = running_time
    stop_clock: Callable[[], float] = running_time
