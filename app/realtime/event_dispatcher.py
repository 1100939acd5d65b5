"""Hands the events of sockets to their handlers, with their sessions, and sends the acks."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from contextvars import Context as Variables
from functools import cache, partial
from typing import Any

from ..asgi.refusals import Refusal, refusal_of, refused
from ..sessions import (
    Attempt,
    EndReason,
    Gone,
    Record,
    Session,
    SessionDataError,
    SessionEndedError,
    SessionManager,
    StoreUnavailableError,
    UnreadableRecordError,
    Usage,
)
from ..sessions.ids import short
from ..sessions.once import Steps
from .context import Context, Resources
from .disconnect import disconnect_socket
from .errors import (
    INTERNAL_ERROR,
    InvalidPayloadError,
    ack_of,
    refuse_what_is_no_error,
    session_error_ack,
    unknown_event,
)
from .events import ClientEvent, EventRouter
from .metrics import EVENTS
from .once import begin, keep, kept_ack
from .reconciler import SessionReconciler
from .sender import PacketSender
from .session_sockets import Connection, Member, SessionSockets
from .tracing import NO_OUTCOME, Outcome, tracing

logger = logging.getLogger(__name__)

_ACK_TIMEOUT_SECONDS = 0.5
"""How long an event that ends its session may go on before its own socket is closed, ack or not."""

_REFUSED = {"invalid", "ended", "refused"}
_outcomes = cache(EVENTS.labels)  # of declared names, so there are few


class EventDispatcher:
    """Hands each event of a socket to its handler, with the session that the socket is attached to.

    Args:
        manager: attaches events to sessions.
        router: the events and their handlers, by namespace.
        resources: what handlers are given of the node.
        reconciler: loads the sessions, and takes what events have written.
        sender: sends acks, and closes sockets.
    """

    def __init__(
        self,
        manager: SessionManager,
        router: EventRouter,
        resources: Resources,
        *,
        reconciler: SessionReconciler,
        sender: PacketSender,
    ) -> None:
        self._manager = manager
        self._declared = router.namespaces
        self._resources = resources
        self._reconciler = reconciler
        self._sender = sender

    def handle(
        self,
        member: Member,
        name: str,
        arguments: tuple[Any, ...],
        received_at: float,
        ack: "Ack | None" = None,
        now: float | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Return what handles an event, commits what it changed, and sends its ack; awaited it gives that.

        `received_at` and `now` are times of time.monotonic().
        """
        now = time.monotonic() if now is None else now
        events = self._declared.get(member.namespace)
        event = None if events is None else events.received.get(name)
        if event is None:
            return self._refuse_unknown(member, name, ack)
        span = tracing.event(name, member.namespace, now)
        if span is NO_OUTCOME:
            return self._handle_known(event, member, arguments, received_at, ack, now)
        handle = partial(self._handle_known, event, member, arguments, received_at, ack, now)
        return _within(span, handle)

    async def _refuse_unknown(self, member: Member, name: str, ack: "Ack | None") -> Any:
        _outcomes("other", "unknown").inc()
        refused(Refusal.UNKNOWN_EVENT, session=short(member.connection.session_sockets.key))
        answer = unknown_event(name)
        if ack is not None:
            ack.send(answer)
        return answer

    async def _handle_known(
        self,
        event: ClientEvent,
        member: Member,
        arguments: tuple[Any, ...],
        received_at: float,
        ack: "Ack | None",
        started: float,
        *,
        note: Outcome | None = None,
    ) -> Any:
        """Handle an event, and report its outcome to its sender, the metrics and the span."""
        outcome = "handled"
        try:
            self._manager.fail_fast.check(received_at)
            if event.once:
                answer = await self._handle_once(event, member, arguments, ack)
            else:
                answer = await self._run(event, member, arguments, ack)
        except Exception as error:  # noqa: BLE001 - each has its answer, and its line in the log
            answer, outcome = self._answer_to(error, event, member, started)
        if note is not None:
            note(outcome)
        if ack is not None:
            ack.send(answer)
        namespace, name = member.namespace, event.name
        _outcomes(name if namespace == "/" else f"{namespace} {name}", outcome).inc()
        if outcome in _REFUSED:
            self._note_refusal(event, member, answer)
        if member.connection.ending:
            await self.finish_end(member.connection)
        return answer

    def _note_refusal(self, event: ClientEvent, member: Member, answer: Any) -> None:
        kind = refusal_of(answer["error"]["type"])
        if kind is not None:
            session = short(member.connection.session_sockets.key)
            refused(kind, session=session, event_name=event.name)

    def _answer_to(
        self, error: Exception, event: ClientEvent, member: Member, started: float
    ) -> tuple[Any, str]:
        match error:
            case InvalidPayloadError():
                return ack_of(error), "invalid"
            case SessionEndedError():
                self._disconnect_all_later(member.connection.session_sockets.key, error.reason)
                return session_error_ack(error), "ended"
            case StoreUnavailableError():
                self._manager.fail_fast.record_timeout(started)
        answer = ack_of(error)
        if answer is not None:
            return answer, "refused"
        about = {"session": short(member.connection.session_sockets.key)}
        if isinstance(error, SessionDataError | UnreadableRecordError):
            logger.error("the handler of event %r failed: %s", event.name, error, extra=about)
        else:
            logger.error("the handler of event %r failed", event.name, exc_info=error, extra=about)
        return INTERNAL_ERROR, "failed"

    async def _handle_once(
        self,
        event: ClientEvent,
        member: Member,
        arguments: tuple[Any, ...],
        ack: "Ack | None",
    ) -> Any:
        """Handle an event that takes effect once, unless it was handled before: then return its ack."""
        key, name = member.connection.session_sockets.key, f"{member.namespace} {event.name}"
        attempt = await begin(self._manager, key, name, arguments)
        if attempt.answer is not None:
            return kept_ack(attempt.answer)
        try:
            return await self._run(event, member, arguments[1:], ack, attempt)
        finally:
            await attempt.release()

    async def _run(
        self,
        event: ClientEvent,
        member: Member,
        arguments: tuple[Any, ...],
        ack: "Ack | None",
        attempt: Attempt | None = None,
    ) -> Any:
        connection = member.connection
        session_sockets = connection.session_sockets
        record = _record_of(member)
        if event.checks_first:
            record = await self._check_first(event, member, record)
        steps = None if attempt is None else attempt.steps()
        usage = _EventUsage(self, connection, self._reconciler.extends, steps)
        # Of this event alone: a reload, or another event, changes nothing under the handler.
        session = self._manager.attach(session_sockets.key, record, usage)
        context = Context(member, session, self._resources)
        try:
            if event.is_simple:
                answer = event.dump(await event.start(context, arguments))
            elif event.leaves_late(context):
                return await event(
                    context, arguments, partial(_save_and_reply, session, ack, attempt)
                )
            else:
                answer = await event(context, arguments)
            if session.accessed and not session.destroyed:
                await session.save()
            if attempt is not None:
                await keep(attempt, answer)
        except BaseException as error:
            session.discard_changes()
            refuse_what_is_no_error(error)
            raise
        finally:
            usage.over = True
            if usage.record is not None:
                self._reconciler.take_written(session_sockets, usage.record, record)
        return answer

    async def _check_first(self, event: ClientEvent, member: Member, record: Record) -> Record:
        """Check the event's limit, and reload its session if it wants that; return the record."""
        session_sockets = member.connection.session_sockets
        if event.limit is not None:
            counters, key = self._resources.counters, session_sockets.key
            await event.limit.check(counters, event.name, member.namespace, key, record)
        return await self._reload(session_sockets) if event.reload else record

    async def _reload(self, session_sockets: SessionSockets) -> Record:
        found = await self._reconciler.load_shared(session_sockets)
        if not isinstance(found, Record):
            raise SessionEndedError(Gone(found).reason)
        return found

    def begin_end(self, connection: Connection) -> None:
        """Leave a socket open until the ack of its event, which is about to end the session, is sent."""
        if connection.connected and not connection.ending:
            connection.ending = True
            asyncio.get_running_loop().call_later(
                _ACK_TIMEOUT_SECONDS,
                lambda: self._sender.engine.run(self.finish_end(connection)),
                context=Variables(),
            )

    async def finish_end(self, connection: Connection) -> None:
        """Close a socket whose event has ended the session, now that the ack is sent or late."""
        if connection.ending:
            connection.ending = False
            if connection.pending_close is not None:
                await disconnect_socket(self._sender, connection, connection.pending_close)

    def _disconnect_all_later(self, key: str, reason: EndReason) -> None:
        """Disconnect the session's sockets in a task of its own, which starts after the ack was sent."""
        self._sender.engine.run(self._reconciler.disconnect_all(key, reason))


class _EventUsage(Usage):
    """The use of a session by an event, which may end the session and is acknowledged all the same."""

    def __init__(
        self,
        dispatcher: EventDispatcher,
        connection: Connection,
        extends: bool,
        steps: Steps | None,
    ) -> None:
        self.extends = extends
        self.steps = steps
        self._dispatcher = dispatcher
        self._connection = connection

    def before_destroy(self) -> None:
        """Leave the socket open until the ack is sent."""
        self._dispatcher.begin_end(self._connection)


class Ack:
    """The ack that a client waits for. It is sent once: what fails behind it has no second one."""

    __slots__ = ("_eio_sid", "_namespace", "_number", "_sender", "_sent")

    def __init__(self, sender: PacketSender, eio_sid: str, number: int, namespace: str) -> None:
        self._sender = sender
        self._eio_sid = eio_sid
        self._number = number
        self._namespace = namespace
        self._sent = False

    def send(self, answer: Any) -> None:
        """Send it, unless it has been."""
        if not self._sent:
            self._sent = True
            self._sender.send_ack(self._eio_sid, self._number, answer, self._namespace)


async def _within(
    span: AbstractContextManager[Outcome], handle: Callable[..., Awaitable[Any]]
) -> Any:
    with span as note:
        return await handle(note=note)


async def _save_and_reply(
    session: Session, ack: Ack | None, attempt: Attempt | None, answer: Any
) -> None:
    if not session.destroyed:
        await session.save()
    if attempt is not None:
        await keep(attempt, answer)
    if ack is not None:
        ack.send(answer)


def _record_of(member: Member) -> Record:
    """Return the record of a socket's session as last read; raise SessionEndedError if it has ended."""
    connection = member.connection
    record = connection.session_sockets.record if member.loaded else None
    if record is None or connection.pending_close is not None:
        raise SessionEndedError(connection.pending_close or EndReason.EXPIRED)
    return record
