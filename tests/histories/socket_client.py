"""A client on a bare WebSocket: it comes back by itself, and recovers as stock ones do."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tests.histories.browser import Browser
from tests.histories.client import ACK_SECONDS, AGAIN_SECONDS, Ack, Client
from tests.histories.history import Dead, Kind, Operation, Outcome
from tests.support.issued import note_issued

_HANDSHAKE = "/socket.io/?EIO=4&transport=websocket"
_OPEN_SECONDS = 4.0
_FAILED = (OSError, WebSocketException, TimeoutError, EOFError)


class SocketClient(Client):
    """One client of a session.

    Args:
        number: which one of the session's clients.
        browser: whose cookie it has.
        room: the room that it enters.
        pick: returns a node and its URL, as a balancer does.
        rng: decides how long it waits.
    """

    def __init__(
        self,
        number: int,
        browser: Browser,
        room: str,
        pick: Callable[[], tuple[int, str]],
        rng: random.Random,
    ) -> None:
        super().__init__(number, browser, room)
        self._pick = pick
        self._rng = rng
        self._pid: str | None = None
        self._offset: str | None = None
        self._silence = 3.0
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._last_ack = 0
        self._websocket: ClientConnection | None = None

    async def run(self) -> None:
        """Be connected, until it is told to stop, is sent away for good, or its session is gone."""
        while not self.stopping and not self._browser.lost:
            await self._live()
            if self.connection is not None and self.connection.final:
                return
            await asyncio.sleep(AGAIN_SECONDS * (0.5 + self._rng.random()))

    def cut(self) -> None:
        """Lose the connection."""
        if self._websocket is not None:
            self._websocket.transport.abort()

    async def emit(self, event: str, *args: Any) -> Ack | None:
        """Send an event; return its ack, or None if none comes."""
        connection = self.connection
        assert connection is not None
        self._last_ack += 1
        number = self._last_ack
        future = self._acks[number] = asyncio.get_running_loop().create_future()
        try:
            if not await self._send(f"42{number}{json.dumps([event, *args])}"):
                return None
            async with asyncio.timeout(ACK_SECONDS):
                found: list[Any] | None = await future
                return None if found is None else Ack(connection, found)
        except TimeoutError:
            return None
        finally:
            self._acks.pop(number, None)

    async def _live(self) -> None:
        node, url = self._pick()
        browser = self._browser
        number = browser.id
        each = Operation(Kind.CONNECT, node, number, time.monotonic())
        browser.history.operations.append(each)
        try:
            websocket = await connect(
                url.replace("http", "ws", 1) + _HANDSHAKE,
                additional_headers={"cookie": browser.cookies[number]},
                ping_interval=None,
                proxy=None,
                open_timeout=_OPEN_SECONDS,
                close_timeout=0.1,
            )
        except InvalidStatus as refused:
            self._note_refusal(each, refused)
            return
        except _FAILED as error:
            each.said = type(error).__name__
            each.outcome = Outcome.FAILED
            return
        self._websocket = websocket
        try:
            if self._is_strangers(each, websocket):
                return
            await self._converse(each, websocket)
        finally:
            websocket.transport.abort()
            self._note_closed()

    def _note_refusal(self, each: Operation, refused: InvalidStatus) -> None:
        each.returned = time.monotonic()
        status = refused.response.status_code
        each.said = f"handshake {status}"
        each.outcome = Outcome.FAILED
        if status == 409:
            self._browser.note_dead(each, Dead.ENDED)
        elif status != 503:
            self._browser.history.odd.append(f"a handshake was answered {status}")

    def _is_strangers(self, each: Operation, websocket: ClientConnection) -> bool:
        assert websocket.response is not None
        headers = websocket.response.headers.get_all("set-cookie")
        note_issued(headers)
        if headers:
            each.returned = time.monotonic()
            each.said = "a handshake with a new cookie"
            self._browser.note_dead(each, Dead.STRANGER)
        return bool(headers)

    async def _converse(self, each: Operation, websocket: ClientConnection) -> None:
        auth = {} if self._pid is None else {"pid": self._pid}
        if self._offset is not None:
            auth["offset"] = self._offset
        entering: asyncio.Task[None] | None = None
        try:
            await websocket.send("40" + (json.dumps(auth) if auth else ""))
            while True:
                async with asyncio.timeout(self._silence):
                    frame = str(await websocket.recv())
                if frame.startswith("40"):
                    self._note_answer(each, json.loads(frame[2:]))
                    entering = asyncio.create_task(self.enter())
                elif frame.startswith("44"):
                    each.outcome, each.said = Outcome.FAILED, frame
                    return
                elif frame.startswith("41") and entering is None:
                    # Its node was stopped: what it holds since is dropped where a session has ended.
                    each.outcome, each.said = Outcome.FAILED, frame
                    self.stopping = True
                    return
                else:
                    await self._take(frame)
        except (ConnectionClosed, *_FAILED):
            pass
        finally:
            if entering is not None:
                entering.cancel()

    def _note_answer(self, each: Operation, answer: dict[str, str]) -> None:
        pid = answer.get("pid")
        recovered = self._pid is not None and pid == self._pid
        if not recovered:
            self._offset = None
        self._pid = pid
        self.note_connected(each, time.monotonic(), recovered=recovered)

    async def _take(self, frame: str) -> None:
        connection = self.connection
        if frame == "2":
            await self._send("3")
        elif frame.startswith("0"):
            opened = json.loads(frame[1:])
            self._silence = (opened["pingInterval"] + opened["pingTimeout"]) / 1000 + 0.5
        elif frame.startswith("41") and connection is not None:
            connection.final = True
        elif frame.startswith("43"):
            number, _, arguments = frame[2:].partition("[")
            future = self._acks.get(int(number))
            if future is not None and not future.done():
                future.set_result(json.loads("[" + arguments))
        elif frame.startswith("42") and connection is not None:
            self._take_event(json.loads(frame[2:]))

    def _take_event(self, event: list[Any]) -> None:
        _, *arguments = event
        if self._pid is not None and arguments and isinstance(arguments[-1], str):
            self._offset = arguments[-1]
        self.note_event(time.monotonic(), event)

    async def _send(self, frame: str) -> bool:
        if self._websocket is None:
            return False
        try:
            await self._websocket.send(frame)
        except _FAILED:
            return False
        return True

    def _note_closed(self) -> None:
        self.note_closed(time.monotonic())
        for future in self._acks.values():
            if not future.done():
                future.set_result(None)

    async def close(self) -> None:
        """Go, whatever its state; what is noted stays as it is."""
        self.stopping = True
        self.cut()
        with suppress(*_FAILED):
            await asyncio.sleep(0)
