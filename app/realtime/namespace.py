"""Namespaces: connects sockets to their sessions, and lets them go."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ..asgi.errors import ServiceUnavailableError
from ..asgi.refusals import Refusal, refused
from ..sessions import (
    EndReason,
    Gone,
    LoadResult,
    Record,
    SessionEndedError,
    SessionManager,
    StoreUnavailableError,
    UnreadableRecordError,
    Usage,
)
from ..sessions.ids import short, user_name
from ..sessions.sign_in import user_of
from .connect_token import ConnectTokens, TokenRotatedError
from .context import Context, Resources
from .disconnect import disconnect_socket
from .errors import INTERNAL_ERROR, ErrorAck, ack_of, errors_only
from .events import EventRouter, NamespaceEvents
from .reconciler import SessionReconciler
from .recovery.recoveries import Recoveries, RecoveryFailedError
from .registry import SocketRegistry
from .sender import PacketSender
from .session_sockets import Connection, Member
from .state_sync import StateSync
from .streams.node import NodeStreams

logger = logging.getLogger(__name__)


class ConnectRefusedError(Exception):
    """A connect is refused.

    Attributes:
        ack: what an event would be acknowledged with; None if the connection is being closed.
    """

    def __init__(self, ack: ErrorAck | None = None) -> None:
        super().__init__("the connect is refused")
        self.ack = ack


class Namespaces:
    """Connects each socket to the session of its handshake, and calls the hooks of both ends.

    Args:
        manager: attaches sockets to sessions.
        router: the hooks, by namespace.
        resources: what hooks are given of the node.
        reconciler: loads the sessions.
        state_sync: records which state a new socket has.
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
        """Call the disconnect hooks of a socket that has left."""
        events = self.find(member.namespace)
        session_sockets = member.connection.session_sockets
        if events is None or session_sockets.record is None:
            return
        usage = Usage()
        session = self._manager.attach(session_sockets.key, session_sockets.record, usage)
        context = Context(member, session, self._resources)
        try:
            for hook in events.disconnects:
                with errors_only:
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
                with errors_only:
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
        if isinstance(error, StoreUnavailableError | ServiceUnavailableError):
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


async def _ignore(*_anything: Any) -> None:
    return
