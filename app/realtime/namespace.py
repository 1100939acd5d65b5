"""Namespaces: connects sockets to their sessions, and handles their events."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from contextvars import Context as Variables
from functools import cache, partial
from typing import Any

from ..asgi.errors import ServiceUnavailableError
from ..asgi.refusals import Refusal, refusal_of, refused
from ..sessions import (
    Attempt,
    EndReason,
    Gone,
    LoadResult,
    Record,
    Session,
    SessionDataError,
    SessionEndedError,
    SessionManager,
    StoreUnavailableError,
    UnreadableRecordError,
    Usage,
)
from ..sessions.ids import short, user_name
from ..sessions.once import Steps
from ..sessions.sign_in import user_of
from .connect_token import ConnectTokens, TokenRotatedError
from .context import Context, Resources
from .disconnect import disconnect_socket
from .errors import (
    INTERNAL_ERROR,
    ErrorAck,
    InvalidPayloadError,
    ack_of,
    session_error_ack,
    unknown_event,
)
from .events import ClientEvent, EventRouter, NamespaceEvents
from .metrics import EVENTS
from .once import begin, keep, kept_ack
from .reconciler import SessionReconciler
from .recovery.recoveries import Recoveries, RecoveryFailedError
from .registry import SocketRegistry
from .sender import PacketSender
from .session_sockets import Connection, Member, SessionSockets
from .state_sync import StateSync
from .streams.node import NodeStreams
from .tracing import NO_OUTCOME, Outcome, tracing

logger = logging.getLogger(__name__)

_ACK_TIMEOUT_SECONDS = 0.5
"""How long an event that ends its session may go on before its own socket is closed, ack or not."""

_REFUSED = {"invalid", "ended", "refused"}
_outcomes = cache(EVENTS.labels)  # of declared names, so there are few


class ConnectRefusedError(Exception):
    """A connect is refused.

    Attributes:
        ack: what an event would be acknowledged with; None if the connection is being closed.
    """

    def __init__(self, ack: ErrorAck | None = None) -> None:
        super().__init__("the connect is refused")
        self.ack = ack


class Namespaces:
    """Connects each socket to the session of its handshake, and hands each event that session.

    Args:
        manager: attaches sockets to sessions.
        router: the events, hooks and their handlers, by namespace.
        resources: what handlers are given of the node.
        reconciler: loads the sessions.
        state_sync: records which state a new socket knows.
        registry: the sockets of this node.
        sender: closes sockets.
    """

    def __init__(
        self,
        manager: SessionManager,
        router: EventRouter,
        resources: Resources,
        *,
        reconciler: SessionReconciler,
        state_sync: StateSync,
        registry: SocketRegistry,
        sender: PacketSender,
    ) -> None:
        self.tokens: ConnectTokens | None = None
        """Reads tokens in `auth`; None where there are none."""
        self.announce: Callable[[Member], Awaitable[None]] = _ignore
        """Awaited before a socket's session is loaded: returns when its messages reach this node."""
        self.add_to_user: Callable[[Member, str], Awaitable[None]] = _ignore
        """Awaited with a socket whose session has a user, and what an index calls the user."""
        self.recoveries: Recoveries | None = None
        """Recovers sockets that come back; None if no namespace has recovery."""
        self.streams: NodeStreams | None = None
        """Sends sockets that have connected what there is of streams; None if no event is one."""
        self._manager = manager
        self._router = router
        self._declared = router.namespaces
        self._resources = resources
        self._reconciler = reconciler
        self._state_sync = state_sync
        self._registry = registry
        self._sender = sender

    def find(self, namespace: str) -> NamespaceEvents | None:
        """Return what is declared for a namespace, None if clients cannot connect to it."""
        return self._declared.get(namespace)

    @property
    def keeps_handshake(self) -> bool:
        """Whether any handler reads the handshake's headers, cookies, query or client."""
        return self._router.keeps_handshake

    async def connect(self, member: Member, auth: Any) -> None:
        """Load the session, after the socket was registered: so no end of the session slips through.

        Raises:
            ConnectRefusedError: the client is not let in.
        """
        connection = member.connection
        if self.tokens is not None:
            auth = await self._take_token(self.tokens, member, auth)
        if self.streams is not None:
            auth = self.streams.take(member, auth)
        with self._registry.connecting(connection):
            found = await self._load(connection, member)
            if isinstance(found, Record):
                if self.recoveries is not None:
                    auth = await self._begin_recovery(self.recoveries, member, found, auth)
                await self._attach(member, found)
                await self._run_connects(member, found, auth)
                if self.recoveries is not None:
                    await self._finish_recovery(self.recoveries, member, found)
            elif connection.pending_close is None:
                connection.pending_close = Gone(found).reason

    async def connected(self, member: Member) -> None:
        """Answer a connect: what ended the session meanwhile can be sent to the client from here on."""
        connection = member.connection
        if self._registry.member(member.sid) is not member:
            return  # its transport was closed while it was connecting
        member.greeted = member.loaded
        self._registry.set_connected(member, connected=True)
        self._sender.greet(member)
        if self.streams is not None:
            self.streams.begin(member)
        logger.info(
            "socket connected",
            extra={"socket": member.sid, "session": short(connection.session_sockets.key)},
        )
        if connection.pending_close is not None:
            await disconnect_socket(self._sender, connection, connection.pending_close)

    def has_disconnects(self, member: Member) -> bool:
        """Return True if there are disconnect hooks that are to be called for a socket."""
        events = self.find(member.namespace)
        return member.greeted and events is not None and bool(events.disconnects)

    async def disconnected(self, member: Member, reason: str) -> None:
        """Call the disconnect hooks of a socket that has gone."""
        events = self.find(member.namespace)
        session_sockets = member.connection.session_sockets
        if events is None or session_sockets.record is None:
            return
        usage = Usage()
        session = self._manager.attach(session_sockets.key, session_sockets.record, usage)
        context = Context(member, session, self._resources)
        try:
            for hook in events.disconnects:
                await hook(context, str(member.connection.closed_for or reason))
            await session.save()
        except SessionEndedError:
            pass  # what a hook wrote to a session that has ended is lost, as it says
        except Exception:
            about = {"session": short(session_sockets.key)}
            logger.exception("a disconnect handler of %s failed", member.namespace, extra=about)
        finally:
            session.discard_changes()
            usage.over = True

    def handle_event(
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
        """Handle an event, and tell its sender, the metrics and the span what has come of it."""
        outcome = "handled"
        try:
            self._manager.fail_fast.check(received_at)
            if event.once:
                answer = await self._handle_once(event, member, arguments, ack)
            else:
                answer = await self._handle(event, member, arguments, ack)
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

    async def _take_token(self, tokens: ConnectTokens, member: Member, auth: Any) -> Any:
        try:
            return await tokens.take(member.connection, auth)
        except TokenRotatedError as error:
            refused(Refusal.SESSION_ENDED, reason=str(EndReason.ROTATED))
            await self._sender.close(member.connection.eio_sid, comes_back=True)
            raise ConnectRefusedError from error
        except UnreadableRecordError as error:
            await self._close(member.connection, error)
            raise ConnectRefusedError from error
        except Exception as error:
            raise await self._refusal(error, member) from error

    async def _load(self, connection: Connection, member: Member) -> LoadResult:
        try:
            await self.announce(member)
            return await self._reconciler.load(connection.session_sockets)
        except (
            StoreUnavailableError,
            ServiceUnavailableError,
            UnreadableRecordError,
        ) as error:
            # After a refused connect the client gives up; after a closed transport it tries again.
            await self._close(connection, error)
            raise ConnectRefusedError from error

    async def _close(self, connection: Connection, error: Exception) -> None:
        refused(Refusal.STORE_UNAVAILABLE, reason=str(error))
        await self._sender.close(connection.eio_sid, comes_back=True)

    async def _begin_recovery(
        self, recoveries: Recoveries, member: Member, record: Record, auth: Any
    ) -> Any:
        try:
            return await recoveries.begin(member, record, auth)
        except ServiceUnavailableError as error:
            await self._close(member.connection, error)
            raise ConnectRefusedError from error

    async def _finish_recovery(
        self, recoveries: Recoveries, member: Member, record: Record
    ) -> None:
        try:
            await recoveries.finish(member, record)
        except ServiceUnavailableError as error:
            await self._close(member.connection, error)
            raise ConnectRefusedError from error
        except RecoveryFailedError as error:
            await self._sender.close(member.connection.eio_sid, comes_back=True)
            raise ConnectRefusedError from error

    async def _attach(self, member: Member, record: Record) -> None:
        session_sockets = member.connection.session_sockets
        member.loaded = True
        session_sockets.refresh(record)
        session_sockets.add_baseline(record.version)
        self._state_sync.seed(session_sockets, record, member.namespace)
        user = user_of(record.owner)
        if user is not None:
            await self._add_to_user(member, user_name(user))

    async def _add_to_user(self, member: Member, user: str) -> None:
        try:
            await self.add_to_user(member, user)
        except ServiceUnavailableError as error:
            await self._close(member.connection, error)
            raise ConnectRefusedError from error

    async def _run_connects(self, member: Member, record: Record, auth: Any) -> None:
        events = self.find(member.namespace)
        if events is None or not events.connects:
            return
        session_sockets = member.connection.session_sockets
        usage = Usage(extends=self._reconciler.extends)
        session = self._manager.attach(session_sockets.key, record, usage)
        context = Context(member, session, self._resources)
        try:
            for hook in events.connects:
                await hook(context, auth)
            if not session.destroyed:
                await session.save()
        except Exception as error:
            session.discard_changes()
            refusal = await self._refusal(error, member)
            if self.recoveries is not None and refusal.ack is not None:
                self.recoveries.refuse(member)
            raise refusal from error
        finally:
            usage.over = True
            if usage.record is not None:
                session_sockets.refresh(usage.record)

    async def _refusal(self, error: Exception, member: Member) -> ConnectRefusedError:
        """Return what refuses a connect for what its hooks raised."""
        connection = member.connection
        if isinstance(error, StoreUnavailableError):
            await self._close(connection, error)
            return ConnectRefusedError()
        if isinstance(error, SessionEndedError):
            connection.pending_close = connection.pending_close or error.reason
        ack = ack_of(error)
        if ack is None:
            about = {"session": short(connection.session_sockets.key)}
            logger.error(
                "a connect handler of %s failed", member.namespace, exc_info=error, extra=about
            )
            ack = INTERNAL_ERROR
        refused(
            Refusal.CONNECT_REFUSED,
            session=short(connection.session_sockets.key),
            namespace=member.namespace,
            type=str(ack["error"]["type"]),
        )
        return ConnectRefusedError(ack)

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
            return await self._handle(event, member, arguments[1:], ack, attempt)
        finally:
            await attempt.release()

    async def _handle(
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
        if event.looks_first:
            record = await self._look_first(event, member, record)
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
            _refuse_if_not_cancelled(error)
            raise
        finally:
            usage.over = True
            if usage.record is not None:
                self._reconciler.take_written(session_sockets, usage.record, record)
        return answer

    async def _look_first(self, event: ClientEvent, member: Member, record: Record) -> Record:
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
        self, namespaces: Namespaces, connection: Connection, extends: bool, steps: Steps | None
    ) -> None:
        self.extends = extends
        self.steps = steps
        self._namespaces = namespaces
        self._connection = connection

    def before_destroy(self) -> None:
        """Leave the socket open until the ack is sent."""
        self._namespaces.begin_end(self._connection)


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


def _refuse_if_not_cancelled(error: BaseException) -> None:
    """Raise RuntimeError if what a handler waited for was cancelled, and not the handler itself."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling():
        raise RuntimeError("the handler waited for a task that was cancelled") from error


async def _ignore(*_anything: Any) -> None:
    return
