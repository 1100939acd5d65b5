"""Dependencies of an app are for its routes, Mooring's included; those of a router of events for sockets."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.requests import HTTPConnection

from app import EventRouter, Mooring
from tests.mooring.test_attach import HANDSHAKE, client_of, settings


async def members_only(connection: HTTPConnection) -> None:
    """Let nobody in who has not said the word."""
    if connection.headers.get("x-word") != "anchor":
        raise HTTPException(401, "who are you?")


def _guarded(events_too: Sequence[Any] = ()) -> FastAPI:
    app = FastAPI(dependencies=[Depends(members_only)])
    mooring = Mooring(app, settings())
    events = EventRouter(dependencies=events_too)

    @events.on("ping")
    async def ping() -> str:
        return "pong"

    mooring.include_router(events)
    mooring.docs()
    for router in (mooring.session_router(), mooring.health_router(), mooring.metrics_router()):
        app.include_router(router)
    return app


@pytest.mark.parametrize("path", ["/session", "/healthz", "/readyz", "/metrics"])
async def test_dependencies_of_an_app_guard_the_routes_that_it_includes(path: str) -> None:
    async with client_of(_guarded()) as http:
        assert (await http.get(path)).status_code == 401
        assert (await http.get(path, headers={"x-word": "anchor"})).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/events", "/asyncapi.json", "/openapi.json"])
async def test_they_guard_no_documentation_page(path: str) -> None:
    async with client_of(_guarded()) as http:
        assert (await http.get(path)).status_code == 200


async def _answer_to_connect(app: FastAPI, headers: dict[str, str]) -> str:
    """Return the packet that a client on polling gets for its CONNECT."""
    async with client_of(app) as http:
        opened = orjson.loads((await http.get(HANDSHAKE, headers=headers)).text[1:])
        path = f"{HANDSHAKE}&sid={opened['sid']}"
        assert (await http.post(path, content="40")).text == "ok"
        return (await http.get(path)).text


async def test_they_guard_no_socket_but_those_of_a_router_of_events_do() -> None:
    assert (await _answer_to_connect(_guarded(), {})).startswith('40{"sid"')
    both = _guarded([Depends(members_only)])
    assert '"detail":"who are you?"' in await _answer_to_connect(both, {})
    assert (await _answer_to_connect(both, {"x-word": "anchor"})).startswith('40{"sid"')
