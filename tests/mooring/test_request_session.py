"""Starlette's `request.session` is Mooring's session, for packages that know nothing else."""

from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.middleware.sessions import SessionMiddleware

from app import Mooring, SessionDep
from tests.mooring.test_attach import client_of, settings
from tests.support.http import set_cookies


def an_app(*, request_session: bool) -> FastAPI:
    """Return an app whose routes read and write `request.session`."""
    app = FastAPI()
    Mooring(app, settings(), request_session=request_session)

    @app.get("/read")
    async def read(request: Request) -> dict[str, Any]:
        return dict(request.session)

    @app.post("/write/{value}")
    async def write(request: Request, value: str) -> None:
        request.session["value"] = value

    @app.post("/fail/{value}")
    async def fail(request: Request, value: str) -> None:
        request.session["value"] = value
        raise RuntimeError("on purpose")

    @app.post("/both")
    async def both(request: Request, session: SessionDep) -> bool:
        request.session["both"] = 1
        found: object = request.session
        return found is session

    @app.post("/late")
    async def late(request: Request) -> dict[str, Any]:
        request.session["early"] = 1
        return dict(request.session)

    @app.post("/clear")
    async def clear(request: Request) -> None:
        request.session.clear()

    return app


async def test_what_is_written_to_it_is_there_in_the_next_request() -> None:
    async with client_of(an_app(request_session=True)) as client:
        assert (await client.get("/read")).json() == {}
        await client.post("/write/one")
        assert (await client.get("/read")).json() == {"value": "one"}
        await client.post("/write/two")
        await client.post("/late")
        assert (await client.get("/read")).json() == {"value": "two", "early": 1}
        await client.post("/clear")
        assert (await client.get("/read")).json() == {}


async def test_who_writes_nothing_gets_no_session() -> None:
    async with client_of(an_app(request_session=True)) as client:
        for answer in (await client.get("/read"), await client.post("/clear")):
            assert answer.status_code == 200
            assert not set_cookies(answer)


async def test_a_failed_request_leaves_no_session() -> None:
    async with client_of(an_app(request_session=True), raises=False) as client:
        answer = await client.post("/fail/one")

        assert answer.status_code == 500
        assert not set_cookies(answer)


@pytest.mark.parametrize("request_session", [True, False])
async def test_it_is_the_same_as_that_of_session_dep(request_session: bool) -> None:
    async with client_of(an_app(request_session=request_session)) as client:
        assert (await client.post("/both")).json() is True
        assert (await client.post("/both")).json() is True


async def test_an_app_s_own_starlette_session_stays_its_own() -> None:
    app = an_app(request_session=False)
    app.add_middleware(SessionMiddleware, secret_key="x" * 32, session_cookie="own")
    async with client_of(app) as client:
        await client.post("/write/one")
        assert (await client.post("/both")).json() is False

        assert (await client.get("/read")).json() == {"value": "one", "both": 1}
