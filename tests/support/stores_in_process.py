"""The stores as objects, for tests without a node."""

from app.sessions import MemoryStore, RedisStore, SessionStore
from app.sessions.redis_url import connect
from tests.support.stores import StoreSettings


def redis_store(url: str) -> RedisStore:
    """Make a store on a server, with the time limits that a node has."""
    return RedisStore(connect(url))


def new_store(settings: StoreSettings) -> SessionStore:
    """Make the store that these settings name; the second one of a server sees the same records."""
    url = settings.get("redis_url")
    return MemoryStore() if url is None else redis_store(url)
