"""The stores as objects, for tests without a node."""

from app import RedisStore
from app.sessions import MemoryStore, SessionStore
from tests.support.stores import StoreSettings


def redis_store(url: str) -> RedisStore:
    """Return a store on a server, with the timeouts that a node has."""
    return RedisStore.from_url(url)


def new_store(settings: StoreSettings) -> SessionStore:
    """Make the store that these settings name; the second one of a server sees the same records."""
    url = settings.get("redis_url")
    return MemoryStore() if url is None else redis_store(url)
