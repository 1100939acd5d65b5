"""What an app is to do when a session begins, ends or changes."""

import inspect
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool

from ..aio.serial_executor import SerialExecutor
from ..article import with_article
from ..sessions import EndReason, Record, Session
from ..sessions.ids import short
from .callee import AnyHandler
from .context import Context, Resources
from .declarations import declaration_error, hints_of, is_async, refuse_generator
from .errors import errors_only
from .hooks import Hook
from .parameters import bare_type
from .session_sockets import Member, SessionSockets

logger = logging.getLogger(__name__)

_ABSENT = object()
_BY_TYPE: dict[Any, str] = {Session: "session", EndReason: "reason"}
_TYPES = {"session": Session, "reason": EndReason, "key": str, "user": str}

Attach = Callable[[str, Record], Session]


class LifeHook:
    """A function that is called when a session has begun, or has ended.

    Args:
        function: plain functions run in the thread pool.
        offered: the names of what it may take, in the order in which parameters of other names get it.

    Raises:
        TypeError: it takes something else.
    """

    def __init__(self, function: AnyHandler, offered: tuple[str, ...]) -> None:
        refuse_generator(function)
        self._function = function
        self._async = is_async(function)
        self._takes = _names(function, offered)

    async def __call__(self, values: dict[str, Any]) -> None:
        """Call the function; log what it raises."""
        arguments = [values[name] for name in self._takes]
        try:
            with errors_only:
                if self._async:
                    await self._function(*arguments)
                else:
                    await run_in_threadpool(self._function, *arguments)
        except Exception:
            logger.exception("a hook for the life of sessions failed")


class SessionHooks:
    """All that an app has declared; `watched` names the values whose changes it wants to see."""

    def __init__(self) -> None:
        self.created: list[LifeHook] = []
        self.ended: list[LifeHook] = []
        self.online: list[LifeHook] = []
        self.offline: list[LifeHook] = []
        self.changed: defaultdict[str, list[Hook]] = defaultdict(list)

    def add_created(self, function: AnyHandler) -> None:
        """Call a function with each session that was opened here."""
        self.created.append(LifeHook(function, ("session",)))

    def add_ended(self, function: AnyHandler) -> None:
        """Call a function with the reason for which a session has ended, and the session's last data."""
        self.ended.append(LifeHook(function, _of_end(function)))

    def add_online(self, function: AnyHandler) -> None:
        """Call a function with each user who comes."""
        self.online.append(LifeHook(function, ("user",)))

    def add_offline(self, function: AnyHandler) -> None:
        """Call a function with each user who goes."""
        self.offline.append(LifeHook(function, ("user",)))

    def add_changed(self, name: str, function: AnyHandler) -> None:
        """Call a function for each socket of a session of which a value has changed."""
        self.changed[name].append(Hook(function, (), argument="the new value"))


class SessionHookCaller:
    """Calls the hooks on one node.

    Args:
        hooks: what is declared.
        resources: what handlers are given of the node.
        attach: returns a handle for a record.
        run: runs a coroutine in the background.
    """

    def __init__(
        self,
        hooks: SessionHooks,
        resources: Resources,
        attach: Attach,
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._hooks = hooks
        self.changed = hooks.changed
        """What waits for changes, by the name of the value."""
        self._resources = resources
        self._attach = attach
        self._run = run
        self._executor = SerialExecutor(max_waiting=0)  # all that is put is run
        self._unseen: dict[Member, tuple[Record, dict[str, Any]]] = {}
        """What has changed for sockets whose hooks wait for their turn."""

    @property
    def awaits_ends(self) -> bool:
        """Whether any hook waits for ends."""
        return bool(self._hooks.ended)

    @property
    def awaits_users(self) -> bool:
        """Whether any hook waits for users who come or go."""
        return bool(self._hooks.online or self._hooks.offline)

    def user_changed(self, user: str, online: bool) -> None:
        """Call the hooks for a user who has come, or has left, behind those of the same user."""
        for hook in self._hooks.online if online else self._hooks.offline:
            self._executor.put(f"user {user}", partial(hook, {"user": user}), always=True)

    def created(self, key: str, record: Record) -> None:
        """Call the hooks for a session that was opened here."""
        for hook in self._hooks.created:
            self._run(self._with_session(hook, self._attach(key, record)))

    def ended(self, key: str, reason: EndReason, record: Record | None) -> None:
        """Call the hooks for a session that has ended, once for all nodes."""
        logger.debug("hooks for an ended session", extra={"session": short(key)})
        session = self._attach(key, record or Record(b"{}", 0, 0.0, 0.0))
        for hook in self._hooks.ended:
            self._run(hook({"session": session, "reason": reason, "key": key}))

    def has_changed(self, before: bytes, after: bytes) -> bool:
        """Return True if a value that is watched differs."""
        return self._watched(before) != self._watched(after)

    def seen(self, session_sockets: SessionSockets) -> None:
        """Compare a newer record with what the session's sockets had, and call the hooks of what differs."""
        record = session_sockets.record
        if record is None:
            return
        before, after = session_sockets.watched, self._watched(record.data)
        session_sockets.watched = after
        if before is None or before == after:
            return
        changed = {name: after[name] for name in after if before.get(name, _ABSENT) != after[name]}
        for connection in session_sockets.sockets.values():
            for member in connection.members.values():
                if member.greeted:
                    self._put(session_sockets.key, member, record, changed)

    def _put(self, key: str, member: Member, record: Record, changed: dict[str, Any]) -> None:
        """Call the hooks for a socket; those whose turn has not come are called with the newer values."""
        waiting = self._unseen.get(member)
        if waiting is not None:
            self._unseen[member] = (record, {**waiting[1], **changed})
            return
        self._unseen[member] = (record, changed)
        self._executor.put(key, partial(self._changed, member), always=True)

    async def _changed(self, member: Member) -> None:
        record, changed = self._unseen.pop(member)
        for name, value in changed.items():
            for hook in self._hooks.changed[name]:
                session = self._attach(member.connection.session_sockets.key, record)
                try:
                    with errors_only:
                        await hook(Context(member, session, self._resources), value)
                    await session.save()
                except Exception:
                    logger.exception("a hook for changes of %r failed", name)

    async def _with_session(self, hook: LifeHook, session: Session) -> None:
        await hook({"session": session})
        try:
            await session.save()
        except Exception:
            logger.exception("what a hook wrote to a new session was not stored")

    def _watched(self, data: bytes) -> dict[str, Any]:
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            found = {}
        return {name: found.get(name) for name in self._hooks.changed}


def _names(function: AnyHandler, offered: tuple[str, ...]) -> list[str]:
    """Return what each parameter is given: by its type, its name, or its place."""
    hints = hints_of(function)
    left = list(offered)
    names = []
    for parameter in inspect.signature(function).parameters.values():
        name = _BY_TYPE.get(hints.get(parameter.name), parameter.name)
        if name not in offered:
            name = left[0] if left else ""
        if not name or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            raise declaration_error(function, f"it may take {', '.join(offered)} and no more")
        _check_type(function, parameter.name, hints.get(parameter.name), name)
        if name in left:
            left.remove(name)
        names.append(name)
    return names


def _check_type(function: AnyHandler, parameter: str, hint: Any, name: str) -> None:
    """Raise TypeError for a parameter that is annotated as something else than it is given."""
    expected, given = _TYPES[name], bare_type(hint)
    if isinstance(given, type) and not issubclass(expected, given):
        message = f"the parameter {parameter!r} is given {with_article(expected)}"
        raise declaration_error(function, message)


def _of_end(function: AnyHandler) -> tuple[str, ...]:
    """Return what a hook for ends is offered: the reason first, if that is all that it takes."""
    alone = len(inspect.signature(function).parameters) == 1
    return ("reason", "session", "key") if alone else ("session", "reason", "key")
