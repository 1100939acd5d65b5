"""Recovers sockets when their clients come back, in two steps around their connect handlers."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...sessions import Record
from ...sessions.ids import user_name
from ...sessions.sign_in import user_of
from ..bus.base import START, BusUnavailableError
from ..session_sockets import Member
from .departures import Departures, has_ended
from .held import HeldForReplay
from .log import LogLostError
from .metrics import RECOVERIES, REPLAYED
from .missed import Client, collect
from .parts import Parts, key_of
from .recoverable import Recoverable
from .replay import RecoveryFailedError, Replay
from .state import Segment, SocketState, read_entry, write_entry

__all__ = ["Recoveries", "RecoveryFailedError", "Window"]

_RECOVERY_SECONDS = 5.0
"""How long each step may take."""
_OPEN_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_PID_BYTES = 18
_TOKEN_BYTES = 6
_PID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class NotRecoveredError(Exception):
    """A client gets a plain connect.

    Attributes:
        outcome: what metrics call the reason.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True)
class Window:
    """How long something is kept.

    Attributes:
        seconds: within which a client may come back.
        heartbeat: seconds after which a client that has gone is known to have.
    """

    seconds: float
    heartbeat: float

    @property
    def healed(self) -> float:
        """Seconds after which a client has received a message, or is not recovered.

        A node may have noticed late that a client was gone, and have died when its window was nearly over.
        """
        return 2.5 * self.seconds + self.heartbeat + 30.0


class Recoveries:
    """Recovers sockets.

    Args:
        parts: of the node.
        window: how long sockets are kept.
    """

    def __init__(self, parts: Parts, window: Window) -> None:
        self._parts = parts
        self._window = window
        self._departures = Departures(parts, window.seconds)
        parts.messenger.moved = self._moved
        parts.messenger.lost = self._departures.lost
        parts.messenger.dropped = self._departures.dropped
        parts.relay.on_loss = self._messages_lost
        parts.relay.on_entered = parts.messenger.log_on

    @property
    def awaits(self) -> bool:
        """Whether any socket of this node may come back."""
        return self._parts.presence.retains

    def __len__(self) -> int:
        """Return how many sockets are disconnected."""
        return len(self._departures)

    def start(self) -> None:
        """Start to keep what this node needs; needs a running event loop."""
        self._parts.store.start(self._parts.relay.node, self._window.seconds, self._window.healed)

    async def aclose(self) -> None:
        """Stop. May be called twice."""
        await self._parts.store.aclose(stays=self.awaits)

    async def begin(self, member: Member, record: Record, auth: Any) -> Any:
        """Find what a socket was, before its connect handlers run; return the `auth` for them.

        Raises:
            BusUnavailableError: there was no reply.
        """
        if not self._parts.messenger.recovers(member.namespace):
            return auth
        pid, offset, rest = _split(auth)
        if pid is not None and await self._recovers(member, record, pid, offset):
            return rest
        await self._until_open()
        segment = Segment(0, self._parts.messenger.position, None)
        pid = secrets.token_urlsafe(_PID_BYTES)
        member.recovery = Recoverable(pid, _new_token(), [segment])
        return rest

    async def finish(self, member: Member, record: Record) -> None:
        """Store what a socket is; before that give back what it was, and hold what it has missed.

        Raises:
            BusUnavailableError: there was no reply.
            RecoveryFailedError: its connect handlers have been promised what is not there any more.
        """
        recoverable: Recoverable | None = member.recovery
        if recoverable is None:
            return
        before = recoverable.missed
        if before is None:
            with suppress(BusUnavailableError):  # it is connected, and cannot come back
                await self._parts.save(recoverable, member, None)
            return
        try:
            async with asyncio.timeout(_RECOVERY_SECONDS):
                replayed = await Replay(self._parts, member, before).run(record)
                if not await self._parts.save(recoverable, member, recoverable.token):
                    raise RecoveryFailedError
        except (TimeoutError, LogLostError) as error:
            raise RecoveryFailedError from error
        self._departures.returned(recoverable.pid)
        if before.node != self._parts.relay.node:
            self._parts.messenger.close_elsewhere(member)
        if has_ended(member.connection.pending_close):
            self._withdraw(member, recoverable)
            return
        RECOVERIES["recovered"].inc()
        REPLAYED.inc(replayed)

    def _withdraw(self, member: Member, recoverable: Recoverable) -> None:
        """Recover nothing for a socket whose session has ended since it was read."""
        member.held, member.recovery = [], None
        recoverable.refused = True
        self._departures.dropped(member, recoverable)
        RECOVERIES["unknown"].inc()

    def refuse(self, member: Member) -> None:
        """Forget a socket whose connect is refused."""
        if member.recovery is not None:
            member.recovery.refused = True

    async def _recovers(self, member: Member, record: Record, pid: str, offset: object) -> bool:
        """Return True if what a socket was is there, with all that its client has missed, and take it."""
        try:
            async with asyncio.timeout(_RECOVERY_SECONDS):
                await self._take(member, record, pid, offset)
        except NotRecoveredError as error:
            RECOVERIES[error.outcome].inc()
            return False
        except TimeoutError:
            raise BusUnavailableError("no messages could be read in time") from None
        return True

    async def _take(self, member: Member, record: Record, pid: str, offset: object) -> None:
        key = key_of(member)
        entry = await self._parts.store.load(key, pid)
        state = self._check(entry, member, record)
        segments = state.missed(offset)
        if segments is None:
            raise NotRecoveredError("offset")
        if not await self._parts.store.is_kept(state.node):
            raise NotRecoveredError("expired")
        await self._read(Client(state.sid, key, state.user, state.namespace), segments, state)
        token = _new_token()
        state = state._replace(segments=segments)
        if not await self._parts.store.save(key, pid, write_entry(token, state), entry):
            raise NotRecoveredError("taken")
        self._give(member, state, Recoverable(pid, token, segments))

    def _check(self, entry: bytes | None, member: Member, record: Record) -> SocketState:
        user = user_of(record.owner)
        try:
            state = None if entry is None else read_entry(entry)
        except ValueError:
            state = None
        if (
            state is None
            or state.namespace != member.namespace
            or state.user != (None if user is None else user_name(user))
        ):
            raise NotRecoveredError("unknown")
        return state

    async def _read(self, client: Client, segments: list[Segment], state: SocketState) -> None:
        """Read what was missed so far; raise NotRecoveredError if it cannot be replayed."""
        try:
            for segment in segments:
                await self._parts.store.log(segment.start.node).read(segment.start)
        except LogLostError:
            raise NotRecoveredError("trimmed") from None
        missed = collect(self._parts.store, client, segments, state.rooms)
        if missed.is_disconnected:
            raise NotRecoveredError("disconnected")
        if missed.is_too_much:
            raise NotRecoveredError("too-much")

    def _give(self, member: Member, state: SocketState, recoverable: Recoverable) -> None:
        """Restore what a socket was, but for its rooms, and hold what it is sent from here on."""
        messenger, registry = self._parts.messenger, self._parts.registry
        if state.node != self._parts.relay.node:
            number = recoverable.segments[-1].number + 1
            recoverable.segments = [
                *recoverable.segments,
                Segment(number, messenger.position, None),
            ]
        recoverable.rooms = dict(state.rooms)
        recoverable.recovered = True
        recoverable.missed = state
        recoverable.moves = []
        before = registry.member(state.sid)
        if before is not None:  # its connection is lost, and this node has not noticed yet
            registry.rename(before, secrets.token_urlsafe(_PID_BYTES))
            sender = self._parts.sender
            sender.engine.run(sender.close(before.connection.eio_sid))
        registry.rename(member, state.sid)
        member.recovery = recoverable
        member.held = HeldForReplay(messenger.sending)
        messenger.coming_back.add(member)

    async def _until_open(self) -> None:
        """Return when what is addressed to this node can be distinguished from what came before."""
        if self._parts.relay.position is None and not self._parts.store.logs_received:
            with suppress(TimeoutError):
                async with asyncio.timeout(_OPEN_SECONDS):
                    await self._parts.relay.reach(START)

    async def _moved(self, recoverable: Recoverable, member: Member) -> None:
        """Store the rooms of a socket."""
        if not recoverable.stored:
            return  # it is about to be
        try:
            await self._parts.save(recoverable, member, recoverable.token)
        except BusUnavailableError:
            self._parts.sender.engine.run(self._save_later(recoverable, member))

    async def _save_later(self, recoverable: Recoverable, member: Member) -> None:
        while member.recovery is recoverable:
            await asyncio.sleep(_RETRY_SECONDS)
            with suppress(BusUnavailableError):
                await self._parts.save(recoverable, member, recoverable.token)
                return

    def _messages_lost(self) -> None:
        """Notify clients, and note anew what others ask for: the server may have lost its data."""
        self._parts.store.renew()
        self._close_all()

    def _close_all(self) -> None:
        """Close the connections of sockets that have missed something: so their clients know."""
        for connection in self._parts.registry.all():
            members = [each for each in connection.members.values() if each.recovery is not None]
            if members:
                self._parts.sender.engine.run(self._save_and_close(connection.eio_sid, members))

    async def _save_and_close(self, eio_sid: str, members: Sequence[Member]) -> None:
        """Close a connection when its sockets are stored: a failover may have lost what rooms they joined."""
        for member in members:
            recoverable = member.recovery
            if recoverable is not None and recoverable.stored:
                with suppress(BusUnavailableError):
                    await self._parts.save(recoverable, member, recoverable.token)
        await self._parts.sender.close(eio_sid, comes_back=True)


def _new_token() -> bytes:
    return secrets.token_hex(_TOKEN_BYTES).encode()


def _split(auth: Any) -> tuple[str | None, object, Any]:
    """Return the private id and the offset of a client that comes back, and what `auth` has beside them."""
    if not isinstance(auth, dict) or "pid" not in auth:
        return None, None, auth
    rest = {name: value for name, value in auth.items() if name not in ("pid", "offset")}
    pid = auth["pid"]
    fits = isinstance(pid, str) and _PID.fullmatch(pid)
    return pid if fits else None, auth.get("offset"), rest or None
