"""The room of a socket has a name, which is a string: a number is refused where it is joined, and left."""

from typing import Any

import pytest
from fastapi import FastAPI

from app import EventRouter, Mooring, SocketDep
from tests.support.kit import Kit


@pytest.mark.parametrize("recovery", [False, True])
async def test_a_room_that_is_no_string_is_refused_by_join_and_by_leave(recovery: bool) -> None:
    app = FastAPI()
    events = EventRouter(recovery=recovery)
    refused: list[str] = []

    @events.on("move")
    async def move(room: Any, socket: SocketDep) -> None:
        for verb in (socket.join, socket.leave):
            try:
                await verb(room)
            except TypeError as error:
                refused.append(str(error))

    Mooring(app).include_router(events)
    async with Kit(app) as kit:
        await (await kit.browser().connect()).call("move", 7)
    assert refused == ["the name of a room is a string, not 7"] * 2
