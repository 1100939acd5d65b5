"""Fixtures: each store as an object, and a session manager on it, of one node and of a second."""

from collections.abc import AsyncIterator

import pytest

from app.sessions import Policy, SessionManager, SessionStore
from tests.conftest import Servers
from tests.support.hooked_store import HookedStore
from tests.support.stores import StoreSettings, memory_settings, server_settings
from tests.support.stores_in_process import new_store

POLICY = Policy(idle=600, absolute=3600)


@pytest.fixture
def any_store(store_name: str, _servers: Servers) -> StoreSettings:
    """Each store in turn, empty, on a server that no node writes to."""
    return memory_settings() if store_name == "memory" else server_settings(_servers(store_name))


@pytest.fixture
async def store(any_store: StoreSettings) -> AsyncIterator[HookedStore]:
    """Each store in turn, empty; it records the verbs that were called, and runs hooks before them."""
    store = HookedStore(new_store(any_store))
    yield store
    await store.aclose()


@pytest.fixture
async def other_store(any_store: StoreSettings, store: HookedStore) -> AsyncIterator[SessionStore]:
    """The store of a second node, with the same records."""
    if "redis_url" not in any_store:
        yield store.inner
        return
    other = new_store(any_store)
    yield other
    await other.aclose()


@pytest.fixture
def sessions(store: HookedStore) -> SessionManager:
    """The session manager on each store in turn."""
    return SessionManager(store, POLICY)


@pytest.fixture
def other_node(other_store: SessionStore) -> SessionManager:
    """The session manager of a second node, with the same records."""
    return SessionManager(other_store, POLICY)
