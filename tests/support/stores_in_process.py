"""The stores as objects, for tests without a node."""

from app import RedisStore
from app.sessions import MemoryStore, SessionStore
from tests.support.stores import StoreSettings

PATIENCE = 15.0
"""Seconds that a command may take. A node gives up earlier, and does not know what was executed: on a busy
machine a test of what is stored would fail by that."""


def redis_store(url: str) -> RedisStore:
    """Return a store on a server, for which a busy machine is no outage."""
    return RedisStore.from_url(url, timeout=PATIENCE)


def new_store(settings: StoreSettings) -> SessionStore:
    """Make the store that these settings name; the second one of a server sees the same records."""
    url = settings.get("redis_url")
    return MemoryStore() if url is None else redis_store(url)
