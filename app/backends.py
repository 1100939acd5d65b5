"""What the nodes of one service share: the store, the bus, and each other's numbers of sockets."""

import importlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .article import kind_of
from .extras import explain_missing
from .realtime.bus.base import Bus, MemoryBus
from .realtime.carry.streams import CarryStreams
from .realtime.counters import Counters, MemoryCounters
from .realtime.engineio.server import can_be_named
from .realtime.presence import LocalPresence, Presence
from .realtime.recovery.store import MemoryRecoveryStore, RecoveryStore
from .realtime.stop_detector import running_time
from .realtime.streams.log import StreamLog
from .realtime.streams.memory import MemoryStreamLog
from .realtime.user_presence import LocalUserPresence, UserPresence
from .sessions import MemoryStore, SessionStore


def new_node_id() -> str:
    """Return a random id for a node."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Backend:
    """What a node shares with others. By default a memory store, and no other nodes.

    Args:
        store: keeps the sessions.
        bus: carries messages between nodes.
        presence: counts a session's sockets on all nodes.
        counters: counts events that have a limit, on all nodes.
        node_id: names this node on both; no two nodes have the same.
        user_presence: reports when a user comes and goes, over all nodes.
        recovery: keeps what sockets of namespaces with recovery are, for their return to any node.
        streams: keeps what is sent in streams, for readers on all nodes.
        carry_streams: carry requests to the nodes that have their sockets; None where there are no others.
        clock: returns seconds of a clock that goes on while the machine sleeps, by which a node knows how
            long the sessions live whose sockets it has.
        stop_clock: the same, by which a node notices that it was stopped, or asleep.

    Raises:
        ValueError: requests are to be carried to nodes whose ids cannot stand in those of their sockets.
    """

    store: SessionStore = field(default_factory=MemoryStore)
    bus: Bus = field(default_factory=MemoryBus)
    presence: Presence = field(default_factory=LocalPresence)
    counters: Counters = field(default_factory=MemoryCounters)
    node_id: str = field(default_factory=new_node_id)
    user_presence: UserPresence = field(default_factory=LocalUserPresence)
    recovery: RecoveryStore = field(default_factory=MemoryRecoveryStore)
    streams: StreamLog = field(default_factory=MemoryStreamLog)
    carry_streams: CarryStreams | None = None
    clock: Callable[[], float] = running_time
    stop_clock: Callable[[], float] = running_time

    def __post_init__(self) -> None:
        """Check the name of the node."""
        if self.carry_streams is not None and not can_be_named(self.node_id):
            raise ValueError(
                f"node_id: {self.node_id!r} has to be 1 to 64 letters, digits, - and _, as ids of sockets "
                "name their node"
            )


BackendFactory = Callable[[], Backend]
"""Makes the backend of one event loop. In memory, all event loops of a process have one store and one bus."""


def backend_factory(store: str, *, redis_url: str, prefix: str, lifetime: float) -> BackendFactory:
    """Return the factory for what SESSION_STORE names; it connects to nothing yet.

    Args:
        prefix: with which all keys on a Redis server begin.
        lifetime: the longest that a session lives, in seconds.

    Raises:
        ValueError: the store cannot be used; the message names the setting.
    """
    if store == "redis":
        make = _redis_factory(redis_url, prefix, lifetime)
        make()  # a wrong URL shows at once
        return make
    return of_one_process(Backend(MemoryStore() if store == "memory" else _custom_store(store)))


def of_one_process(shared: Backend) -> BackendFactory:
    """Return the factory of a backend whose nodes are the event loops of this process.

    Where the bus is one in memory each of them has a name of its own: two TestClients are two nodes. So
    each has a log of its own, too, where that is in memory: a node numbers what it logs.
    """
    if not isinstance(shared.bus, MemoryBus):
        return lambda: shared
    if not isinstance(shared.recovery, MemoryRecoveryStore):
        return lambda: replace(shared, node_id=new_node_id())
    return lambda: replace(shared, node_id=new_node_id(), recovery=MemoryRecoveryStore())


def _redis_factory(url: str, prefix: str, lifetime: float) -> BackendFactory:
    try:
        from .redis_backend import RedisBackendFactory  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as error:
        raise ValueError(f"SESSION_STORE: {explain_missing('redis', error)}") from error
    return RedisBackendFactory(url, prefix, lifetime)


def _custom_store(name: str) -> SessionStore:
    module, _, factory = name.partition(":")
    try:
        store = getattr(importlib.import_module(module), factory)()
    except Exception as error:  # noqa: BLE001 - whatever others' code raises: it cannot be used
        raise ValueError(f"SESSION_STORE: cannot use {name!r}: {error}") from None
    if isinstance(store, SessionStore):
        return store
    raise ValueError(f"SESSION_STORE: {name!r} returns {kind_of(store)}, no SessionStore")
