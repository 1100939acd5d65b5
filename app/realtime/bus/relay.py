"""A node's end of the bus: it publishes messages in order, and delivers those of other nodes once."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from ...aio.tasks import cancel, is_running
from ...sessions import StoreUnavailableError
from ..metrics import BUS_DROPPED, BUS_GAPS, BUS_LAG
from .base import Batch, Bus, BusUnavailableError, Entry, Offset, SequencedMessage
from .messages import HelloMessage, Message, UnknownKindError, parse, write
from .received import Received

logger = logging.getLogger(__name__)

Deliver = Callable[[Message], Awaitable[None]]
OnGap = Callable[[], Awaitable[None]]

MAX_OUTBOX = 10_000
DELIVER_TIMEOUT_SECONDS = 5.0

_MAX_BATCH = 1000
"""Messages that are published at once; a reply to all of them has to come within the time of one command."""
_RETRY_SECONDS = 0.1
_FLUSH_TIMEOUT_SECONDS = 1.0
_MAX_SKIPPED_KINDS = 100


class BusRelay:
    """Publishes and receives messages; those that cannot be published now follow in order later.

    Args:
        bus: the bus; closed by `aclose`.
        deliver: awaited for each message of other nodes, one at a time. An exception is logged.
        on_gap: awaited when messages were or may have been lost, and at the start; repeated while it
            raises StoreUnavailableError. Other exceptions are logged.
        node: this node's id on the bus.
        max_outbox: messages that wait for the bus; beyond that the oldest is dropped.
        deliver_timeout: seconds that one delivery may take; later messages wait for it.
        addressed: whether to receive what is addressed to this node. Else it is no node, but reads answers.
    """

    def __init__(
        self,
        bus: Bus,
        deliver: Deliver,
        on_gap: OnGap,
        *,
        node: str,
        max_outbox: int = MAX_OUTBOX,
        deliver_timeout: float = DELIVER_TIMEOUT_SECONDS,
        addressed: bool = True,
    ) -> None:
        self.node = node
        self.lag = 0.0
        """Seconds between the publishing of the last message received and its arrival here."""
        self.current: Entry | None = None
        """The last message that was delivered, or is being delivered."""
        self.position: tuple[Offset, int] | None = None
        """Where the last of those stands that are addressed to this node; None before the first read."""
        self.on_loss: Callable[[], None] = _nothing
        """Called when messages are lost, before `on_gap` is awaited."""
        self.on_entered: Callable[[], None] = _nothing
        """Called when the node's streams are there, at the start and behind a gap: they may be new ones."""
        self._reading: dict[asyncio.Future[None], Offset] = {}
        self._read_to: Offset | None = None
        self._bus = bus
        self._deliver = deliver
        self._on_gap = on_gap
        self._max_outbox = max_outbox
        self._deliver_timeout = deliver_timeout
        self._addressed = addressed
        self._last_sequence = 0
        self._outbox: deque[SequencedMessage] = deque()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._received = Received()
        self._skipped: set[str] = set()
        self._read_at = time.monotonic()
        self._reader_failed_at: float | None = None
        self._may_have_missed = False
        self._entered = True
        """Whether the streams have what this node appends to them at its start, and behind a gap."""

    def start(self) -> None:
        """Start to receive; needs a running event loop."""
        self._bus.join(self.node)
        self._reader = asyncio.create_task(self._read(), name="bus reader")

    async def aclose(self) -> None:
        """Publish what is left, if the bus can be reached, and stop. May be called twice."""
        self.leave()
        if is_running(self._writer):
            await asyncio.wait([self._writer], timeout=_FLUSH_TIMEOUT_SECONDS)
        await cancel(self._reader, self._writer)
        await self._bus.aclose()

    def leave(self) -> None:
        """Stop being a node. May be called twice, and without a running event loop."""
        self._bus.leave(self.node)

    @property
    def receives(self) -> bool:
        """Whether it was started, and has not ended since, with its event loop say."""
        return is_running(self._reader)

    @property
    def unread(self) -> float:
        """Seconds since the bus was last read."""
        return time.monotonic() - self._read_at

    @property
    def alone(self) -> bool:
        """Whether it is certain that no other node receives what is sent."""
        return self._bus.alone

    def send(
        self,
        message: Message,
        to: str | None = None,
        joins: str | None = None,
        *,
        logged: bool = False,
    ) -> None:
        """Publish a message to other nodes, without waiting for it; needs a running event loop.

        Args:
            message: the message.
            to: the key that it is addressed to; see SequencedMessage.
            joins: the key under which they have sockets once they have applied it.
            logged: whether this node's own log is to have it.
        """
        if not self._bus.alone:
            self.send_written(write(message), to, joins, logged=logged)

    def send_written(
        self,
        payload: bytes,
        to: str | None = None,
        joins: str | None = None,
        *,
        logged: bool = False,
    ) -> None:
        """Publish a message that is written already; see `send`."""
        if self._bus.alone:
            return
        self._last_sequence += 1
        self._outbox.append(SequencedMessage(self._last_sequence, payload, to, joins, logged))
        if len(self._outbox) > self._max_outbox:  # the reload of sessions compensates for it
            self._outbox.popleft()
            BUS_DROPPED.inc()
        if not is_running(self._writer):
            self._writer = asyncio.create_task(self._write(), name="bus writer")

    async def publish(
        self,
        message: Message,
        within: float,
        to: str | None = None,
        joins: str | None = None,
        *,
        logged: bool = False,
    ) -> None:
        """Publish a message behind those that were sent before; return when the bus has it.

        Args:
            message: the message.
            within: seconds that it may take.
            to: as for `send`.
            joins: as for `send`.
            logged: as for `send`.

        Raises:
            BusUnavailableError: it has not said so in time. The message may have been appended.
        """
        if self._bus.alone:
            return
        self.send(message, to, joins, logged=logged)
        sequence = self._last_sequence
        self._waiting[sequence] = taken = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within):
                await taken
        except TimeoutError:
            self._outbox = deque(each for each in self._outbox if each.sequence != sequence)
            reason = self._bus.last_error
            said = "" if reason is None else f": {reason}"
            raise BusUnavailableError(
                f"the bus has not confirmed a message in time{said}"
            ) from reason
        finally:
            self._waiting.pop(sequence, None)

    async def flush(self) -> None:
        """Return when the bus has, or has lost, all that was sent before."""
        if not is_running(self._writer):
            return
        last = self._last_sequence
        taken = self._waiting.setdefault(last, asyncio.get_running_loop().create_future())
        await asyncio.wait([taken, self._writer], return_when=asyncio.FIRST_COMPLETED)
        if taken.done() and self._waiting.get(last) is taken:
            del self._waiting[last]

    async def reach(self, offset: Offset) -> None:
        """Return when all up to an offset in the log of this node has been delivered."""
        if self._read_to is not None and offset <= self._read_to:
            return
        reached = asyncio.get_running_loop().create_future()
        self._reading[reached] = offset
        try:
            await reached
        finally:
            del self._reading[reached]

    def _note_place(self, own: Offset | None) -> None:
        """Note where reading begins."""
        if own is not None:
            self.position = (own, 0)
        self._note_read(own)

    def _note_read(self, own: Offset | None) -> None:
        self._read_to = own
        if own is None:
            return
        for reached, offset in self._reading.items():
            if offset <= own and not reached.done():
                reached.set_result(None)

    async def _write(self) -> None:
        """Publish the outbox; after a failure a single message is tried before all others."""
        size = _MAX_BATCH
        while self._outbox:
            batch = [self._outbox.popleft() for _ in range(min(size, len(self._outbox)))]
            failed = await self._publish(batch)
            self._confirm(batch, failed)
            self._outbox.extendleft(reversed(failed))
            size = 1 if failed else _MAX_BATCH
            if failed:
                await asyncio.sleep(_RETRY_SECONDS)

    def _confirm(self, batch: list[SequencedMessage], failed: list[SequencedMessage]) -> None:
        """Notify those who wait for messages that the bus has."""
        if not self._waiting:
            return
        lost = {each.sequence for each in failed}
        for each in batch:
            taken = self._waiting.get(each.sequence)
            if taken is not None and each.sequence not in lost and not taken.done():
                taken.set_result(None)

    async def _publish(self, batch: list[SequencedMessage]) -> list[SequencedMessage]:
        """Publish messages; return those that failed, some of which may have been appended."""
        try:
            return await self._bus.publish_all(self.node, batch)
        except Exception:
            logger.exception("bus writer failed, retrying")
            return batch

    async def _read(self) -> None:
        offset: Offset | None = None
        while True:
            try:
                offset = await self._read_on(offset)
                await self._recover()
            except (BusUnavailableError, StoreUnavailableError) as error:
                self._log_failure(error)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:
                logger.exception("bus reader failed, retrying")
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._read_at = time.monotonic()

    async def _read_on(self, offset: Offset | None) -> Offset:
        if offset is None:
            return await self._join()  # earlier messages are in the records already
        batch = await self._read_after(offset)
        if batch.gap:
            self.on_loss()
            await self._enter_again()
            await self._make_up()
            self._note_place(batch.offset.own)
            BUS_GAPS.inc()
            logger.warning("bus messages lost, all sessions reloaded")
            return batch.offset  # messages of the meantime, too
        if not self._entered:
            await self._enter_again()
        for entry in batch.entries:
            if entry.node_id != self.node:
                await self._receive(entry)
            elif entry.index >= 0:  # entered behind a gap: its log begins here
                self.position = (entry.offset, entry.index)
        self._note_read(batch.offset.own)
        return batch.offset

    async def _read_after(self, offset: Offset) -> Batch:
        if self._addressed:
            return await self._bus.read_addressed(self.node, offset)
        return await self._bus.read(offset)

    async def _join(self) -> Offset:
        """Return the offset to read on from, after `on_gap` has made up for earlier messages."""
        offset = await self._enter()
        self._note_place(offset.own)
        await self._make_up()
        return offset

    async def _enter(self) -> Offset:
        """Return the offset of the bus' end, behind which this node has messages of its own.

        The hello message guarantees an entry to read on from: if it is gone after an outage, the
        server has restarted without its data.
        """
        await self._bus.publish(self.node, 0, write(HelloMessage()))
        offset = await (self._bus.open(self.node) if self._addressed else self._bus.tail())
        self.on_entered()
        return offset

    async def _enter_again(self) -> None:
        """Enter behind a gap, or later: a server whose memory is full lets nobody in, and can be read."""
        entered, self._entered = self._entered, False
        try:
            await self._enter()
        except BusUnavailableError as error:
            if entered:
                logger.warning("no stream for this node yet, reading the common one: %s", error)
        else:
            self._entered = True

    async def _make_up(self) -> None:
        try:
            await self._on_gap()
        except (BusUnavailableError, StoreUnavailableError):
            raise  # the reader retries
        except Exception:
            logger.exception("sessions were not reloaded after a gap")
        self._may_have_missed = False

    def _note_arrival(self, entry: Entry) -> None:
        self.lag = max(0.0, time.time() - entry.offset.ms / 1000)
        if self._addressed:
            BUS_LAG.set(self.lag)
        self.current = entry
        if entry.index >= 0:
            self.position = (entry.offset, entry.index)

    async def _receive(self, entry: Entry) -> None:
        self._note_arrival(entry)
        if self._received.is_duplicate(entry):
            return
        try:
            message = parse(entry.payload)
        except UnknownKindError as error:
            self._log_skipped(error.kind, str(error))
            return
        except ValueError:
            self._log_skipped("", "it does not parse")
            return
        if isinstance(message, HelloMessage):
            return
        try:
            async with asyncio.timeout(self._deliver_timeout):
                await self._deliver(message)
        except TimeoutError:
            # The process may have been stopped meanwhile: what the message says may be in the records.
            self._may_have_missed = True
            logger.warning("bus message not applied in time, reloading: %s", message.kind)
        except Exception:
            logger.exception("bus message not applied: %s", message.kind)

    def _log_skipped(self, kind: str, reason: str) -> None:
        """Log once for each kind: a node of a later version may send thousands."""
        if kind not in self._skipped and len(self._skipped) < _MAX_SKIPPED_KINDS:
            self._skipped.add(kind)
            logger.warning("bus messages skipped: %s", reason)

    def _log_failure(self, error: Exception) -> None:
        self._may_have_missed = True
        if self._reader_failed_at is None:
            self._reader_failed_at = time.monotonic()
            logger.warning("bus reader failed, retrying: %s", error)

    async def _recover(self) -> None:
        """Make up for what was not received, or a failure that is over: a replica may lack some writes."""
        if self._may_have_missed:
            await self._make_up()
        if self._reader_failed_at is None:
            return
        downtime = round(time.monotonic() - self._reader_failed_at, 3)
        logger.warning("bus reader recovered", extra={"downtime_seconds": downtime})
        self._reader_failed_at = None


def _nothing() -> None:
    return
