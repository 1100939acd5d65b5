"""Fixtures: each store as an object, and the service over it, on one node and on a second."""

from collections.abc import AsyncIterator

import pytest

from app.sessions import Policy, Sessions, SessionStore
from tests.support.hooked_store import HookedStore
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store

POLICY = Policy(idle=600, absolute=3600)


@pytest.fixture
async def store(any_store: StoreSettings) -> AsyncIterator[HookedStore]:
    """Each store in turn, empty; it tells which verbs were called and lets tests step in between."""
    store = HookedStore(new_store(any_store))
    yield store
    await store.aclose()


@pytest.fixture
async def other_store(any_store: StoreSettings, store: HookedStore) -> AsyncIterator[SessionStore]:
    """The same records as a second node sees them."""
    if "redis_url" not in any_store:
        yield store.inner
        return
    other = new_store(any_store)
    yield other
    await other.aclose()


@pytest.fixture
def sessions(store: HookedStore) -> Sessions:
    """The service over each store in turn."""
    return Sessions(store, POLICY)


@pytest.fixture
def elsewhere(other_store: SessionStore) -> Sessions:
    """The service of a second node over the same records."""
    return Sessions(other_store, POLICY)
