"""What nodes share: the store, the bus and each other's numbers of sockets."""

import importlib
import secrets
from dataclasses import dataclass, field

from app.realtime.bus import Bus, MemoryBus
from app.realtime.bus_redis import WAIT, RedisBus
from app.realtime.presence import Alone, Presence, RedisPresence
from app.sessions import MemoryStore, RedisStore, SessionStore
from app.sessions.redis_url import TIMEOUT, connect


def _new_node() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Backend:
    """A store, and the bus and presence that go with it; `node` is this process's name on both."""

    store: SessionStore
    bus: Bus = field(default_factory=MemoryBus)
    presence: Presence = field(default_factory=Alone)
    node: str = field(default_factory=_new_node)


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
    node = _new_node()
    try:
        commands = connect(url)
        reader = connect(url, timeout=WAIT + TIMEOUT)
        listener = connect(url)
    except ValueError as error:
        raise ValueError(f"REDIS_URL: {error}") from None
    presence = RedisPresence(commands, listener, node=node, lifetime=lifetime)
    return Backend(RedisStore(commands), RedisBus(commands, reader), presence, node)


def _custom_store(name: str) -> SessionStore:
    module, _, factory = name.partition(":")
    try:
        store = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"SESSION_STORE: cannot use {name!r}: {error}") from None
    if isinstance(store, SessionStore):
        return store
    raise ValueError(f"SESSION_STORE: {name!r} gives a {type(store).__name__}, no SessionStore")
