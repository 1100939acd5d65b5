"""What the app's lifespan yields is there on its own node: in requests, WebSockets and events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.requests import HTTPConnection

from app import EventRouter, Mooring, Settings
from app.testing import Browser, TestApp


def number(connection: HTTPConnection) -> int:
    """Return which start of the app this is."""
    started: int = connection.state.number
    return started


NumberDep = Annotated[int, Depends(number)]


def numbered() -> FastAPI:
    """Return an app that numbers its starts, from 0 on."""
    starts = count()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        yield {"number": next(starts)}

    app = FastAPI(lifespan=lifespan)
    mooring = Mooring(app, Settings(session_secrets=["x" * 32]))
    events = EventRouter()

    @app.get("/number")
    async def by_request(number: NumberDep) -> int:
        return number

    @app.websocket("/ws")
    async def by_websocket(websocket: WebSocket, number: NumberDep) -> None:
        await websocket.accept()
        await websocket.send_text(str(number))

    @events.on("number")
    async def by_event(number: NumberDep) -> int:
        return number

    mooring.include_router(events)
    return app


async def by_request(browser: Browser) -> int:
    answer: int = (await browser.get("/number")).json()
    return answer


async def by_websocket(browser: Browser) -> int:
    return int(await (await browser.websocket("/ws")).receive())


async def by_event(browser: Browser) -> int:
    answer: int = await (await browser.connect()).call("number")
    return answer


@pytest.mark.parametrize("ask", [by_request, by_websocket, by_event])
async def test_each_node_has_the_state_that_its_own_lifespan_has_yielded(
    ask: Callable[[Browser], Awaitable[int]],
) -> None:
    async with TestApp(numbered(), nodes=2) as test:
        assert [await ask(test.browser(node=node)) for node in (0, 1)] == [0, 1]


async def test_what_a_request_adds_to_the_state_is_its_own() -> None:
    app = numbered()

    @app.get("/added")
    async def added(connection: HTTPConnection) -> bool:
        was_there = hasattr(connection.state, "added")
        connection.state.added = True
        return was_there

    async with TestApp(app) as test:
        browser = test.browser()
        assert [(await browser.get("/added")).json() for _ in "ab"] == [False, False]
