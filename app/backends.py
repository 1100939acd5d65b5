"""What nodes share: the store, the bus and each other's numbers of sockets."""

import importlib
from dataclasses import dataclass, field

from app.realtime.bus_redis import WAIT, RedisBus
from app.realtime.peers import Peers, new_node
from app.realtime.presence import RedisPresence
from app.sessions import MemoryStore, RedisStore, SessionStore
from app.sessions.redis_url import TIMEOUT, connect


@dataclass(frozen=True)
class Backend:
    """A store, and the peers that go with it."""

    store: SessionStore
    peers: Peers = field(default_factory=Peers)


def open_backend(store: str, *, redis_url: str, lifetime: float) -> Backend:
    """Make what SESSION_STORE names; connects to nothing yet.

    `lifetime` is the longest that a session lives, in seconds. Raises ValueError with a line that
    names the setting.
    """
    match store:
        case "memory":
            return Backend(MemoryStore())
        case "redis":
            return _redis(redis_url, lifetime)
    return Backend(_custom_store(store))


def _redis(url: str, lifetime: float) -> Backend:
    node = new_node()
    try:
        commands = connect(url)
        reader = connect(url, timeout=WAIT + TIMEOUT)
        listener = connect(url)
    except ValueError as error:
        raise ValueError(f"REDIS_URL: {error}") from None
    presence = RedisPresence(commands, listener, node=node, lifetime=lifetime)
    return Backend(RedisStore(commands), Peers(RedisBus(commands, reader), presence, node))


def _custom_store(name: str) -> SessionStore:
    module, _, factory = name.partition(":")
    try:
        store = getattr(importlib.import_module(module), factory)()
    except Exception as error:  # noqa: BLE001 - whatever others' code raises: it cannot be used
        raise ValueError(f"SESSION_STORE: cannot use {name!r}: {error}") from None
    if isinstance(store, SessionStore):
        return store
    raise ValueError(f"SESSION_STORE: {name!r} gives a {type(store).__name__}, no SessionStore")
