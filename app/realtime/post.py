"""A node's post: what it sends over the bus, in order, and what it receives."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from app.realtime.bus import Bus, Entry, Numbered, Position
from app.realtime.messages import Hello, Message, parse, write
from app.realtime.metrics import BUS_DROPPED, BUS_GAPS, BUS_LAG, BUS_UNREAD
from app.sessions import StoreUnavailableError

logger = logging.getLogger(__name__)

Deliver = Callable[[Message], Awaitable[None]]
OnGap = Callable[[], Awaitable[None]]

MAX_OUTBOX = 10_000
_RETRY = 0.1
_LATE = 1000
"""By how many of its node's messages one may come late."""
_PATIENCE = 5.0
"""Seconds that the delivery of one message may take; those after it wait."""


class Post:
    """Sends and receives messages; what cannot be sent now is sent, in order, when it can.

    `deliver` is awaited for each message of other nodes, `on_gap` when some were missed for good,
    and again until the store has answered. Both run one at a time; what else they raise is logged,
    never fatal.
    """

    def __init__(self, bus: Bus, deliver: Deliver, on_gap: OnGap, *, node: str) -> None:
        self.node = node
        self.lag = 0.0
        """Seconds between the sending of the message received last and its arrival here."""
        self._bus = bus
        self._deliver = deliver
        self._on_gap = on_gap
        self._sent = 0
        self._outbox: deque[Numbered] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._heard: dict[str, _Numbers] = {}
        self._read_at = time.monotonic()
        self._up = True

    def start(self) -> None:
        """Start to receive; needs a running event loop."""
        BUS_UNREAD.set_function(lambda: time.monotonic() - self._read_at)
        self._bus.join(self.node)
        self._reading = asyncio.create_task(self._read(), name="bus reader")

    async def aclose(self) -> None:
        """Send what is left, if the bus can be reached, and stop. May be called twice."""
        self._bus.leave(self.node)
        if self._sending:
            await asyncio.wait([self._sending], timeout=1.0)
        tasks = [task for task in (self._reading, self._sending) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._bus.aclose()

    @property
    def alone(self) -> bool:
        """Whether it is certain that nobody else hears what is sent."""
        return self._bus.alone

    def send(self, message: Message) -> None:
        """Send a message to all other nodes, without waiting for it to get there."""
        if self._bus.alone:
            return
        self._sent += 1
        self._outbox.append((self._sent, write(message)))
        if len(self._outbox) > MAX_OUTBOX:  # the reload makes good what is lost
            self._outbox.popleft()
            BUS_DROPPED.inc()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="bus writer")

    async def _send(self) -> None:
        """Send all; after a failure one message goes ahead, and the others only when it got through."""
        most = MAX_OUTBOX
        while self._outbox:
            batch = [self._outbox.popleft() for _ in range(min(most, len(self._outbox)))]
            failed = await self._publish(batch)
            self._outbox.extendleft(reversed(failed))
            most = 1 if failed else MAX_OUTBOX
            if failed:
                await asyncio.sleep(_RETRY)

    async def _publish(self, batch: list[Numbered]) -> list[Numbered]:
        """Publish messages, and give those that did not get through, as far as one can know."""
        try:
            return await self._bus.publish_all(self.node, batch)
        except Exception:
            logger.exception("the bus writer stumbled, and goes on")
            return batch

    async def _read(self) -> None:
        position: Position | None = None
        while True:
            try:
                position = await self._read_on(position)
            except StoreUnavailableError as error:
                self._tell(up=False, why=str(error))
                await asyncio.sleep(_RETRY)
            except Exception:
                logger.exception("the bus reader stumbled, and goes on")
                await asyncio.sleep(_RETRY)
            else:
                self._tell(up=True)
                self._read_at = time.monotonic()

    async def _read_on(self, position: Position | None) -> Position:
        if position is None:
            return await self._join()  # what was said before we listened is in the records
        batch = await self._bus.read(position)
        if batch.gap:
            position = await self._join()
            BUS_GAPS.inc()
            logger.warning("messages of other nodes were missed; every session was looked at")
            return position
        for entry in batch.entries:
            if entry.origin != self.node:
                await self._receive(entry)
        return batch.position

    async def _join(self) -> Position:
        """Listen from here on, and look at what was missed.

        The greeting makes sure that there is an entry to go on from: that it is gone shows, after
        an outage, that the server has come back without its data.
        """
        await self._bus.publish(self.node, 0, write(Hello()))
        position = await self._bus.tail()
        try:
            await self._on_gap()
        except StoreUnavailableError:
            raise  # the reader tries again
        except Exception:
            logger.exception("sessions were not looked at after a gap")
        return position

    async def _receive(self, entry: Entry) -> None:
        self.lag = max(0.0, time.time() - entry.position.ms / 1000)
        BUS_LAG.set(self.lag)
        if self._is_echo(entry):
            return
        try:
            message = parse(entry.text)
        except ValueError:
            logger.warning("a message on the bus was skipped: it does not parse")
            return
        if isinstance(message, Hello):
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._deliver(message)
        except Exception:
            logger.exception("a message of another node was not applied: %s", message.kind)

    def _is_echo(self, entry: Entry) -> bool:
        """Tell whether a message came twice, because its node did not hear that the first got through."""
        if entry.number == 0:
            return False
        return not self._heard.setdefault(entry.origin, _Numbers()).take(entry.number)

    def _tell(self, *, up: bool, why: str = "") -> None:
        """Log a change of state, once."""
        if up and not self._up:
            logger.warning("the bus is read again")
        elif not up and self._up:
            logger.warning("the bus cannot be read: %s", why)
        self._up = up


class _Numbers:
    """Which of a node's messages have come: all up to the last, but for some that may still come.

    A message that the server refused, while it took the next ones, comes late.
    """

    def __init__(self) -> None:
        self._last = 0
        self._left_out: set[int] = set()

    def take(self, number: int) -> bool:
        """Note that a message has come; False if it had come before."""
        if number <= self._last:
            late = number in self._left_out
            self._left_out.discard(number)
            return late
        if self._last and number > self._last + 1:
            skipped = range(max(self._last + 1, number - _LATE), number)
            known = {each for each in self._left_out if each >= number - _LATE}
            self._left_out = known.union(skipped)
        self._last = number
        return True
