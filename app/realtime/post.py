"""A node's post: what it sends over the bus, in order, and what it receives."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from app.realtime.bus import Bus, Entry, Position
from app.realtime.messages import Message, parse, write
from app.realtime.metrics import BUS_GAPS, BUS_LAG
from app.sessions import StoreUnavailableError

logger = logging.getLogger(__name__)

Deliver = Callable[[Message], Awaitable[None]]
OnGap = Callable[[], Awaitable[None]]

MAX_OUTBOX = 10_000
_RETRY = 0.1


class Post:
    """Sends and receives messages; what cannot be sent now is sent, in order, when it can.

    `deliver` is awaited for each message of other nodes, `on_gap` when some were missed for good.
    Both run one at a time; what they raise is logged, never fatal.
    """

    def __init__(self, bus: Bus, deliver: Deliver, on_gap: OnGap, *, node: str) -> None:
        self.node = node
        self.lag = 0.0
        """Seconds between the sending of the message received last and its arrival here."""
        self._bus = bus
        self._deliver = deliver
        self._on_gap = on_gap
        self._sent = 0
        self._outbox: deque[tuple[int, bytes]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._heard: dict[str, int] = {}

    def start(self) -> None:
        """Start to receive; needs a running event loop."""
        self._reading = asyncio.create_task(self._read(), name="bus reader")

    async def aclose(self) -> None:
        """Send what is left, if the bus can be reached, and stop. May be called twice."""
        if self._sending:
            await asyncio.wait([self._sending], timeout=1.0)
        tasks = [task for task in (self._reading, self._sending) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._bus.aclose()

    def send(self, message: Message) -> None:
        """Send a message to all other nodes, without waiting for it to get there."""
        self._sent += 1
        if len(self._outbox) >= MAX_OUTBOX:  # the reload makes good what is lost
            self._outbox.popleft()
        self._outbox.append((self._sent, write(message)))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="bus writer")

    async def _send(self) -> None:
        while self._outbox:
            batch = list(self._outbox)
            # Each in its own task, in order: those of one event-loop turn leave in one write.
            jobs = [self._bus.publish(self.node, number, text) for number, text in batch]
            results = await asyncio.gather(*jobs, return_exceptions=True)
            failed = [item for item, result in zip(batch, results, strict=True) if result]
            for _ in batch:
                self._outbox.popleft()
            self._outbox.extendleft(reversed(failed))
            if failed:
                await asyncio.sleep(_RETRY)

    async def _read(self) -> None:
        position: Position | None = None
        while True:
            try:
                position = await self._read_on(position)
            except StoreUnavailableError:
                await asyncio.sleep(_RETRY)
            except Exception:
                logger.exception("the bus reader stumbled, and goes on")
                await asyncio.sleep(_RETRY)

    async def _read_on(self, position: Position | None) -> Position:
        if position is None:
            position = await self._bus.tail()
            await self._say_gap()  # what was said before we listened is in the records
            return position
        batch = await self._bus.read(position)
        if batch.gap:
            BUS_GAPS.inc()
            logger.warning("messages of other nodes were missed; every session is looked at")
            await self._say_gap()
        for entry in batch.entries:
            await self._receive(entry)
        return batch.position

    async def _say_gap(self) -> None:
        try:
            await self._on_gap()
        except StoreUnavailableError as error:
            logger.warning("sessions were not looked at after a gap: %s", error)

    async def _receive(self, entry: Entry) -> None:
        if entry.origin == self.node:
            return
        self.lag = max(0.0, time.time() - entry.position.ms / 1000)
        BUS_LAG.set(self.lag)
        if self._is_echo(entry):
            return
        try:
            message = parse(entry.text)
        except ValueError:
            logger.warning("a message on the bus was skipped: it does not parse")
            return
        try:
            await self._deliver(message)
        except Exception:
            logger.exception("a message of another node was not applied: %s", message.kind)

    def _is_echo(self, entry: Entry) -> bool:
        """Tell whether a message came twice, because its node did not hear that the first got through."""
        if entry.number == 0:
            return False
        if entry.number <= self._heard.get(entry.origin, 0):
            return True
        self._heard[entry.origin] = entry.number
        return False
