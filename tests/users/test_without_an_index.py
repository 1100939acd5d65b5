"""Where a store cannot find the sessions of a user, what needs them is refused when it is made."""

import pytest
from fastapi import FastAPI

from app import Backend, Mooring, SessionDep, SettingsError
from app.sessions import MemoryStore, UserIndex
from tests.mooring.test_attach import client_of, settings
from tests.support.hooked_store import HookedStore
from tests.users.provider import CLIENT, Provider


@pytest.fixture
def backend() -> Backend:
    """A backend with such a store."""
    store = HookedStore(MemoryStore())
    assert not isinstance(store, UserIndex)
    return Backend(store)


def test_routers_that_need_it_are_refused(backend: Backend) -> None:
    mooring = Mooring(FastAPI(), settings(), backend=backend)
    provider = Provider("https://login.example")
    with pytest.raises(TypeError, match="devices_router: this store cannot find"):
        mooring.devices_router()
    with pytest.raises(TypeError, match="backchannel_logout_router: this store cannot find"):
        mooring.backchannel_logout_router(provider.issuer, CLIENT, provider.jwks)


def test_a_limit_that_would_not_be_kept_is_refused(backend: Backend) -> None:
    with pytest.raises(SettingsError, match="SESSION_MAX_PER_USER: this store cannot find"):
        Mooring(FastAPI(), settings(session_max_per_user=1), backend=backend)


async def test_who_signs_in_is_known_all_the_same(backend: Backend) -> None:
    app = FastAPI()
    Mooring(app, settings(), backend=backend)

    @app.post("/login")
    async def login(session: SessionDep) -> str | None:
        await session.sign_in("ann")
        return session.user

    async with client_of(app) as client:
        assert (await client.post("/login")).json() == "ann"
