"""What is no Exception, raised by an app's functions: as of a task that was cancelled, or a panic in Rust."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from app import EventRouter, Mooring, SessionDep, SocketDep
from app.testing import ConnectError, TestApp


class PanicException(BaseException):
    """As that of pyo3, which is no Exception."""


KINDS = [PanicException("panicked"), asyncio.CancelledError("of another task")]

INTERNAL = "internal-error"


@pytest.mark.parametrize("error", KINDS, ids=["a panic", "a cancelled task"])
@pytest.mark.parametrize("waits", [False, True], ids=["at once", "later"])
async def test_it_is_acknowledged_and_what_was_sent_behind_it_is_handled(
    error: BaseException, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app, events = FastAPI(), EventRouter()

    @events.on("fail")
    async def fail() -> None:
        if waits:
            await asyncio.sleep(0.01)
        raise error

    @events.on("add")
    async def add(number: int) -> int:
        return number + 1

    Mooring(app).include_router(events)
    async with TestApp(app) as test:
        socket = await test.browser().connect()
        failed, added = await asyncio.gather(socket.call("fail"), socket.call("add", 1))
    assert failed["error"]["type"] == INTERNAL
    assert added == 2
    assert str(error) in caplog.text


@pytest.mark.parametrize("error", KINDS, ids=["a panic", "a cancelled task"])
async def test_a_connect_is_refused_for_it(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    app, events = FastAPI(), EventRouter()

    @events.on_connect
    async def fail() -> None:
        raise error

    Mooring(app).include_router(events)
    async with TestApp(app) as test:
        with pytest.raises(ConnectError) as refused:
            await test.browser().connect()
    assert refused.value.data["type"] == INTERNAL
    assert str(error) in caplog.text


@pytest.mark.parametrize("error", KINDS, ids=["a panic", "a cancelled task"])
async def test_hooks_that_raise_it_are_logged_and_those_to_come_are_called(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    app, events = FastAPI(), EventRouter()
    mooring = Mooring(app)
    called: list[Any] = []

    @events.on_disconnect
    async def left() -> None:
        called.append("left")
        raise error

    @events.on("set")
    async def change(number: int, session: SessionDep) -> None:
        session["number"] = number

    @mooring.on_session_changed("number")
    async def changed(value: int, socket: SocketDep) -> None:
        called.append(value)
        raise error

    mooring.include_router(events)
    async with TestApp(app) as test:
        socket = await test.browser().connect()
        for number in (1, 2):
            await socket.call("set", number)
            await test.settle()
        socket.disconnect()
        await test.settle()
    assert called == [1, 2, "left"]
    assert caplog.text.count(f"{type(error).__name__}: {error}") == 3
