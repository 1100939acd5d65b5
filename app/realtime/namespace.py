"""What happens to a socket in the namespace: it is moored, its events are handled, it leaves."""

import asyncio
import logging
import time
from functools import cache
from typing import Any

import socketio
from socketio.exceptions import ConnectionRefusedError as RefusedError

from app.realtime.closing import let_go
from app.realtime.events import Context, Events, InvalidPayloadError, Received
from app.realtime.metrics import EVENTS
from app.realtime.moorings import MooredSocket
from app.realtime.news import News
from app.realtime.refusals import INTERNAL_ERROR, refusal, session_refusal, unknown_event
from app.realtime.watch import Watch
from app.rooms import Rooms
from app.sessions import (
    EndReason,
    Found,
    Gone,
    Record,
    Session,
    SessionEndedError,
    SessionError,
    Sessions,
    StoreUnavailableError,
)
from app.sessions.ids import short

logger = logging.getLogger(__name__)


_counter = cache(EVENTS.labels)  # of names that are declared, so there are few


class SessionNamespace(socketio.AsyncNamespace):  # type: ignore[misc] # the library has no types
    """Moors each socket to the session of its handshake, and hands each event that session as it is now."""

    def __init__(
        self, sessions: Sessions, watch: Watch, events: Events, rooms: Rooms, news: News
    ) -> None:
        super().__init__("/")
        self._sessions = sessions
        self._watch = watch
        self._events = events
        self._rooms = rooms
        self._news = news
        self._ends: set[asyncio.Task[None]] = set()

    async def trigger_event(self, event: str, sid: str, *_args: Any) -> None:
        """Handle the library's connect and disconnect; what clients send comes to `answer`."""
        eio_sid = self.server.manager.eio_sid_from_sid(sid, "/")
        socket = self.server.moorings.socket(eio_sid)
        if event == "connect":
            await self._connect(sid, socket)
        elif socket is not None:
            socket.sid = socket.session = None
            self.server.moorings.mark(socket, connected=False)

    async def connected(self, sid: str) -> None:
        """Look again when the connect is done: what ended meanwhile can be told from here on."""
        eio_sid = self.server.manager.eio_sid_from_sid(sid, "/")
        socket = self.server.moorings.socket(eio_sid)
        if socket is None:  # its transport closed while it was connecting
            await self.server.manager.disconnect(sid, "/", ignore_queue=True)
            return
        self.server.moorings.mark(socket, connected=True)
        if socket.doomed is not None:
            await let_go(self.server, socket, socket.doomed)

    async def answer(
        self, socket: MooredSocket, name: str, arguments: tuple[Any, ...], arrived: float
    ) -> Any:
        """Handle an event on the session as it is now, and commit before the ack leaves."""
        event = self._events.get(name)
        if event is None:
            _counter("other", "unknown").inc()
            return unknown_event(name)
        answer, outcome = await self._outcome(event, socket, arguments, arrived)
        _counter(name, outcome).inc()
        return answer

    async def _outcome(
        self, event: Received, socket: MooredSocket, arguments: tuple[Any, ...], arrived: float
    ) -> tuple[Any, str]:
        began = time.monotonic()
        try:
            self._sessions.outage.check(arrived)
            return await self._handle(event, socket, arguments), "handled"
        except InvalidPayloadError as error:
            return refusal("invalid-payload", str(error)), "invalid"
        except SessionEndedError as error:
            self._end_soon(socket.mooring.key, error.reason)
            return session_refusal(error), "ended"
        except SessionError as error:
            if isinstance(error, StoreUnavailableError):
                self._sessions.outage.note(began)
            answer = session_refusal(error)
            if answer is not None:
                return answer, "refused"
            logger.exception("the event %s failed", event.name)
        except Exception:
            logger.exception("the event %s failed", event.name)
        return INTERNAL_ERROR, "failed"

    async def _connect(self, sid: str, socket: MooredSocket | None) -> None:
        """Load the session second: the socket was registered first, so no end of it slips through."""
        if socket is None:
            raise RefusedError("the socket is being closed")
        socket.sid = sid
        found = await self._look(socket)
        if isinstance(found, Record):
            await self._moor(sid, socket, found)
        elif socket.doomed is None:
            socket.doomed = Gone(found).reason

    async def _look(self, socket: MooredSocket) -> Found:
        try:
            return await self._watch.look(socket.mooring)
        except StoreUnavailableError as error:
            # A refused connect would have the client give up; a closed transport has it try again.
            await self.server.close_transport(socket.eio_sid)
            raise RefusedError("the session store gives no answer") from error

    async def _moor(self, sid: str, socket: MooredSocket, record: Record) -> None:
        mooring = socket.mooring
        socket.session = self._sessions.attach(mooring.key, record)
        mooring.admit(record.version)
        self._news.assume(mooring, record)
        await self.server.enter_room(sid, mooring.key)
        logger.info("socket moored", extra={"socket": sid, "session": short(mooring.key)})

    async def _handle(
        self, event: Received, socket: MooredSocket, arguments: tuple[Any, ...]
    ) -> Any:
        session, sid = socket.session, socket.sid
        if session is None or sid is None:
            raise SessionEndedError(socket.doomed or EndReason.EXPIRED)
        if event.reads or self._watch.extends:
            await self._refresh(session, socket)
        try:
            answer = await event(Context(session, self._rooms, sid), arguments)
            await session.save()
        except BaseException:
            session.forget_changes()
            raise
        return answer

    async def _refresh(self, session: Session, socket: MooredSocket) -> None:
        found = await self._watch.look(socket.mooring)
        if not isinstance(found, Record):
            raise SessionEndedError(Gone(found).reason)
        session.refresh(found)

    def _end_soon(self, key: str, reason: EndReason) -> None:
        """Let the session's sockets go in a task of its own, which starts after the ack has left."""
        task = asyncio.create_task(self._watch.end(key, reason), name="end of a session")
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
