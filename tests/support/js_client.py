"""One JavaScript Socket.IO client, seen from Python: what it did, in order, and what to make it do."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.support.driver import Driver
from tests.support.eventually import PATIENCE
from tests.support.issued import note_issued

T = TypeVar("T")

LIFE = "life"
SERVER = "server"


@dataclass(frozen=True)
class JsEvent:
    """Something that happened to a client.

    Kind LIFE: handshake({transport, handshake, status, set_cookie}), response(the same, of a later
    request, if it was refused or sets a cookie), open(transport), connect(id, recovered), upgrade(transport),
    disconnect(reason, details), connect_error(message, status or details, data),
    reconnect_attempt(n), reconnect(n), reconnect_failed(). Kind SERVER: the event's own name.
    """

    kind: str
    name: str
    args: tuple[Any, ...]
    at: float
    """On the clock of time.monotonic()."""
    index: int
    """Its place in JsClient.events."""


class JsClient:
    """A client of a JsBrowser; `connected`, `active`, `id` and `transport` are as last reported."""

    def __init__(self, driver: Driver) -> None:
        self.number = driver.next_id()
        self.events: list[JsEvent] = []
        self.connected = False
        self.active = True
        self.id: str | None = None
        self.transport: str | None = None
        self._driver = driver
        self._changed = asyncio.Event()
        driver.listen(self.number, self._receive)

    @property
    def mark(self) -> int:
        """The present, for `wait_for(..., after=mark)`: only what comes later counts."""
        return len(self.events)

    def named(self, name: str, *, after: int = 0) -> list[JsEvent]:
        """The events of that name so far, in order."""
        return [event for event in self.events[after:] if event.name == name]

    def values(self, name: str, *, after: int = 0) -> list[Any]:
        """The first argument of each event of that name so far."""
        return [event.args[0] for event in self.named(name, after=after)]

    async def wait_for(
        self,
        name: str,
        *,
        after: int = 0,
        where: Callable[[JsEvent], bool] = lambda _: True,
        within: float = PATIENCE,
    ) -> JsEvent:
        """The first event of that name from `after` on; it may have happened already."""
        found = await self._wait(
            lambda: next(filter(where, self.named(name, after=after)), None), name, within
        )
        assert found is not None
        return found

    async def wait_until_connected(self, within: float = PATIENCE) -> JsEvent:
        """The first "connect"; fails at once on "connect_error"."""
        await self._wait(lambda: self.named("connect") or self.named("connect_error"), "", within)
        assert self.named("connect"), f"refused: {self.named('connect_error')[0].args}"
        return self.named("connect")[0]

    async def emit(self, event: str, *args: Any, within: float = PATIENCE) -> Any:
        """Emit and return the ack: its argument, or a tuple if they are not exactly one.

        DriverError if no ack comes in time or the socket is closed first.
        """
        ack = await self._do("emit", event=event, args=args, timeout=within * 1000)
        return ack[0] if len(ack) == 1 else tuple(ack)

    async def burst(
        self, *emits: tuple[Any, ...], within: float = PATIENCE
    ) -> list[tuple[int, Any]]:
        """Emit all, each (event, *args), in one go; (index, ack) in the order in which acks came."""
        arrived = await self._do("burst", emits=emits, timeout=within * 1000)
        return [(index, ack[0] if len(ack) == 1 else tuple(ack)) for index, ack in arrived]

    async def send(self, event: str, *args: Any) -> None:
        """Emit without asking for an ack."""
        await self._do("send", event=event, args=args)

    async def cut(self) -> None:
        """Lose the connection as a bad network does; the client will reconnect."""
        await self._do("cut")

    async def pause(self) -> None:
        """Read nothing more from a WebSocket, as a page that hangs."""
        await self._do("pause")

    async def resume(self) -> None:
        """Read on."""
        await self._do("resume")

    async def close(self) -> None:
        """Disconnect for good."""
        await self._do("close")

    async def reconnect(self) -> None:
        """What an application does after "io server disconnect": `socket.connect()`."""
        await self._do("reconnect")

    async def _do(self, op: str, **arguments: Any) -> Any:
        return await self._driver.command(op, client=self.number, **arguments)

    async def _wait(self, probe: Callable[[], T], name: str, within: float) -> T:
        try:
            async with asyncio.timeout(within):
                while not (found := probe()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            story = "\n".join(f"  {event.name} {event.args}" for event in self.events)
            raise AssertionError(f"no {name!r} within {within} s, but:\n{story}") from None
        return found

    def _receive(self, message: dict[str, Any]) -> None:
        state = message["state"]
        self.connected = state["connected"]
        self.active = state["active"]
        self.id = state["id"]
        self.transport = state["transport"]
        kind, name, args = message["kind"], message["name"], tuple(message["args"])
        if kind == LIFE and name in ("handshake", "response"):
            note_issued(args[0]["set_cookie"])
        self.events.append(JsEvent(kind, name, args, message["at"], len(self.events)))
        self._changed.set()
