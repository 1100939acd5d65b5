"""What a stolen session is not enough for, by the store's clock."""

from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from app import Backend, Mooring, SessionDep, UserDep, recent_sign_in
from app.sessions import MemoryStore
from tests.mooring.test_attach import client_of, settings
from tests.support.clock import Clock
from tests.support.http import problem


def product(clock: Clock) -> FastAPI:
    """Return an app with a route for whoever signed in within five minutes."""
    app = FastAPI()
    mooring = Mooring(app, settings(), backend=Backend(MemoryStore(clock=clock)))
    app.include_router(mooring.devices_router())

    @app.post("/login/{user}")
    async def login(session: SessionDep, user: str) -> None:
        await session.sign_in(user)

    @app.get("/me")
    async def me(user: UserDep) -> str:
        return user

    @app.get("/secret", dependencies=[Depends(recent_sign_in(minutes=5))])
    async def secret() -> str:
        return "told"

    @app.get("/usual-secret")
    async def usual_secret(_user: Annotated[str, Depends(recent_sign_in())]) -> str:
        return "told"

    return app


async def _secret(client: httpx.AsyncClient) -> tuple[int, str]:
    answer = await client.get("/secret")
    return problem(answer) if answer.status_code >= 400 else (200, answer.json())


async def test_a_sign_in_is_recent_for_so_many_minutes_and_renewed_by_another() -> None:
    clock = Clock()
    async with client_of(product(clock)) as ann:
        assert await _secret(ann) == (401, "sign-in-required")
        await ann.post("/login/ann")
        clock.move(299)
        assert await _secret(ann) == (200, "told")
        clock.move(2)
        assert await _secret(ann) == (403, "recent-sign-in-required")
        assert (await ann.get("/me")).json() == "ann"

        await ann.post("/login/ann")

        assert await _secret(ann) == (200, "told")


async def test_use_of_the_session_does_not_renew_it() -> None:
    clock = Clock()
    async with client_of(product(clock)) as ann:
        await ann.post("/login/ann")
        for _ in range(6):
            clock.move(60)
            await ann.get("/me")

        assert await _secret(ann) == (403, "recent-sign-in-required")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/usual-secret"), ("DELETE", "/devices"), ("DELETE", f"/devices/{'0' * 64}")],
)
async def test_where_nothing_else_is_said_it_is_ten_minutes(method: str, path: str) -> None:
    clock = Clock()
    async with client_of(product(clock)) as ann:
        await ann.post("/login/ann")
        clock.move(599)
        assert (await ann.request(method, path)).status_code in (200, 404)
        clock.move(2)
        answer = await ann.request(method, path)
        assert problem(answer) == (403, "recent-sign-in-required")


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_minutes_are_more_than_none(minutes: float) -> None:
    with pytest.raises(ValueError, match="minutes"):
        recent_sign_in(minutes)
