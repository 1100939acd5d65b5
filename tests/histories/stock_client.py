"""A client in JavaScript, as it comes: socket.io-client on WebSocket, on polling, or upgraded."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.histories.browser import Browser
from tests.histories.client import ACK_SECONDS, AGAIN_SECONDS, Ack, Client
from tests.histories.history import Connection, Dead, Kind, Operation, Outcome
from tests.support.browsers import Transport
from tests.support.driver import Driver, DriverError
from tests.support.issued import note_issued

_SWITCHING, _OK, _ENDED, _UNAVAILABLE = 101, 200, 409, 503


class StockClient(Client):
    """One client of a session, with a cookie jar of its own that is given the browser's cookies.

    It goes to another node each time that it connects, as behind a balancer.

    Args:
        number: which one of the session's clients.
        browser: whose cookie it has.
        room: the room that it enters.
        driver: runs it.
        transport: how it connects.
        urls: where the nodes are.
        turns: the nodes that it goes to, in turn.
    """

    def __init__(
        self,
        number: int,
        browser: Browser,
        room: str,
        *,
        driver: Driver,
        transport: Transport,
        urls: list[str],
        turns: list[int],
    ) -> None:
        super().__init__(number, browser, room)
        self._driver = driver
        self._transport = transport
        self._urls = urls
        self._turns = turns
        self._me = driver.next_id()
        self._jar = driver.next_id()
        self._connections: list[Connection | None] = []
        self._attempt: Operation | None = None
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()

    async def run(self) -> None:
        """Be connected, until it is told to stop, is sent away for good, or its session is gone."""
        await self._driver.command("browser", browser=self._jar)
        await self._take_cookie(self._browser.cookies[-1])
        self._browser.on_cookie.append(lambda cookie: self._start(self._take_cookie(cookie)))
        self._driver.listen(self._me, self._receive)
        urls = [self._urls[each] for each in self._turns]
        await self._do(
            "connect",
            browser=self._jar,
            url=urls[0],
            transports=self._transport.names,
            headers={},
            options={"urls": urls},
        )
        await self._over.wait()
        await self._do("close")

    def cut(self) -> None:
        """Lose the connection."""
        if self.connected:
            self._start(self._do("cut"))

    async def emit(self, event: str, *args: Any) -> Ack | None:
        """Send an event; return its ack, or None if none comes."""
        found = await self._do("ask", event=event, args=args, timeout=1000 * ACK_SECONDS)
        if found is None:
            return None
        connects, arguments = found
        connection = self._connections[connects - 1]
        return None if connection is None else Ack(connection, arguments)

    async def close(self) -> None:
        """Go, whatever its state; what is noted stays as it is."""
        self.stopping = True
        self._over.set()
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _do(self, op: str, **arguments: Any) -> Any:
        """Have it do something; return None if that comes to nothing."""
        try:
            return await self._driver.command(op, client=self._me, **arguments)
        except DriverError:
            return None

    def _start(self, doing: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_cookie(self, cookie: str) -> None:
        await self._driver.command("set-cookie", browser=self._jar, header=cookie)

    def _receive(self, message: dict[str, Any]) -> None:
        """Note what it did."""
        if self.stopping:
            return
        at, name, args = message["at"], message["name"], message["args"]
        if message["kind"] == "server":
            if self._attempt is not None:
                self.note_event(at, [name, *args])
        elif name == "connect_error":
            self._note_error(message["state"], str(args))
        elif name in self._notes:
            self._notes[name](at, *args)

    @property
    def _notes(self) -> dict[str, Callable[..., None]]:
        """Return what notes an event of its life."""
        return {
            "attempt": self._note_attempt,
            "handshake": self._note_handshake,
            "response": self._note_response,
            "connect": self._note_connect,
            "disconnect": self._note_disconnect,
        }

    def _note_response(self, _at: float, answer: dict[str, Any]) -> None:
        note_issued(answer["set_cookie"])

    def _note_attempt(self, at: float, url: str, cookie: str | None) -> None:
        self._attempt = None
        if cookie not in self._browser.cookies:
            return  # that of somebody who has no session, which it was given for one that ended
        each = Operation(
            Kind.CONNECT, self._urls.index(url), self._browser.cookies.index(cookie), at
        )
        self._attempt = each
        self._browser.history.operations.append(each)

    def _note_handshake(self, at: float, answer: dict[str, Any]) -> None:
        each, status = self._attempt, answer["status"]
        note_issued(answer["set_cookie"])
        if answer["set_cookie"] and status != _ENDED:
            self._start(self._begin_anew())
        if each is None or not status:
            return
        each.said = f"handshake {status}"
        if status == _ENDED:
            each.returned = at
            self._note_dead(each, Dead.ENDED)
        elif answer["set_cookie"]:
            each.returned, each.said = at, "a handshake with a new cookie"
            self._note_dead(each, Dead.STRANGER)
        elif status == _UNAVAILABLE:
            each.returned, each.outcome = at, Outcome.FAILED
        elif status not in {_OK, _SWITCHING}:
            self._browser.history.odd.append(f"a handshake was answered {status}")

    def _note_dead(self, each: Operation, how: Dead) -> None:
        self._browser.note_dead(each, how)
        self._attempt = None
        if self._browser.lost:
            self._over.set()
        else:
            self._start(self._take_cookie(self._browser.cookies[-1]))

    async def _begin_anew(self) -> None:
        """Leave a session that was opened for who has none, and come back with the browser's cookie."""
        await self._do("close")
        await self._driver.command("clear-cookies", browser=self._jar)
        await self._take_cookie(self._browser.cookies[-1])
        if not self._over.is_set():
            await asyncio.sleep(AGAIN_SECONDS)
            await self._do("reconnect")

    def _note_connect(self, at: float, _sid: str, recovered: bool) -> None:
        each = self._attempt
        if each is None:  # in a session of its own, which it is about to leave
            self._connections.append(None)
            return
        self.note_connected(each, at, recovered=recovered)
        assert self.connection is not None
        self._connections.append(self.connection)
        self._start(self.enter())

    def _note_disconnect(self, at: float, reason: str, _details: object) -> None:
        if self.connected and reason == "io server disconnect":
            assert self.connection is not None
            self.connection.final = True
            self._over.set()
        self.note_closed(at)

    def _note_error(self, state: dict[str, Any], said: str) -> None:
        if self._attempt is not None and self._attempt.outcome is Outcome.UNKNOWN:
            self._attempt.outcome, self._attempt.said = Outcome.FAILED, said
        if not state["active"] and not self._over.is_set():
            self._start(self._come_back())

    async def _come_back(self) -> None:
        """Try again, as an application does where a connect was refused."""
        await asyncio.sleep(AGAIN_SECONDS)
        await self._do("reconnect")
