"""P19 in one process: event loops that share a memory store are nodes, and each has a log of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from app import EVERYBODY, EmitterDep, EventRouter, Mooring, Settings, SocketDep
from app.backends import Backend
from app.realtime.bodies import Body
from app.realtime.bus.base import START
from app.realtime.recovery.position import Position
from app.realtime.recovery.store import MemoryRecoveryStore
from tests.mooring.test_test_client import client_of


def new_app(backend: Backend | None) -> FastAPI:
    app = FastAPI()
    mooring = Mooring(app, Settings(session_store="memory"), backend=backend)
    events = EventRouter(recovery=True)

    @events.on("enter")
    async def enter(room: str, socket: SocketDep) -> None:
        await socket.join(room)

    @app.post("/say/{number}")
    async def say(number: int, emitter: EmitterDep) -> None:
        await emitter.emit("said", number, to="lobby")

    mooring.include_router(events)
    return app


class Page:
    """A client on polling, that was or was not there before."""

    def __init__(self, http: Any, auth: dict[str, Any] | None = None) -> None:
        self._http = http
        self._path = "/socket.io/?EIO=4&transport=polling"
        self._path += f"&sid={orjson.loads(http.get(self._path).text[1:])['sid']}"
        self.send("40" + ("" if auth is None else orjson.dumps(auth).decode()))
        self.got: list[str] = []
        self.pid = orjson.loads(self.next("40")[2:])["pid"]

    def send(self, frame: str) -> None:
        assert self._http.post(self._path, content=frame).text == "ok"

    def next(self, start: str) -> str:
        """Return the next frame that begins so."""
        while True:
            for frame in self.got:
                if frame.startswith(start):
                    self.got.remove(frame)
                    return frame
            self.got += self._http.get(self._path).text.split("\x1e")

    def enter(self, room: str) -> None:
        self.send(f'427["enter","{room}"]')
        self.next("437")

    def said(self) -> tuple[int, str]:
        _name, number, offset = orjson.loads(self.next("42")[2:])
        return number, offset


@contextmanager
def two_nodes(app: FastAPI) -> Iterator[tuple[Any, Any]]:
    with client_of(app) as one, client_of(app) as other:
        one.get("/socket.io/?EIO=4&transport=polling")
        other.cookies = one.cookies
        yield one, other


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("backend", [None, Backend()])
def test_a_client_of_either_node_gets_what_both_have_sent_meanwhile(
    index: int, backend: Backend | None
) -> None:
    app = new_app(backend)
    with two_nodes(app) as nodes:
        there, elsewhere = nodes[index], nodes[1 - index]
        page, witness = Page(there), Page(elsewhere)
        page.enter("lobby")
        witness.enter("lobby")
        there.post("/say/0")
        number, offset = page.said()
        assert number == 0
        page.send("1")
        for number in (1, 2, 3):
            elsewhere.post(f"/say/{number}")
        there.post("/say/4")
        assert sorted(witness.said()[0] for _ in range(5)) == [0, 1, 2, 3, 4]

        again = Page(elsewhere, {"pid": page.pid, "offset": offset})
        assert again.pid != page.pid, "its node alone knows what it was"
        back = Page(there, {"pid": page.pid, "offset": offset})
        assert back.pid == page.pid
        assert sorted(back.said()[0] for _ in range(4)) == [1, 2, 3, 4]


async def test_a_node_that_starts_anew_has_nothing_of_the_one_before() -> None:
    """It may have the same name: a backend of one's own has one for its process."""
    store = MemoryRecoveryStore()
    for number in (1, 2):
        store.start("node", 120.0, 300.0)
        store.append_event(number, EVERYBODY, "/", Body("[]"), None)
        await store.save("key", f"pid {number}", b"entry", None)
    found = store.log("node").select([("all", "")], Position("node", 0, START, 0), None)
    assert [each.message.number for each in found] == [2]
    assert await store.load("key", "pid 1") is None
