"""Resends state that sockets have missed."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..sessions import Record, UnreadableRecordError
from ..sessions.changes import parse
from ..sessions.unreadable import UnreadableLog
from .events import EventRouter, ServerEvent
from .namespace_events import refuse_for_offset
from .session_sockets import Member, SessionSockets

logger = logging.getLogger(__name__)

SendEvent = Callable[[Iterable[Member], str, Any], None]

_UNREADABLE = object()


class StateSync:
    """Sends a session's state to its sockets when a reload shows that a message was lost.

    Covers the router's events that are declared with `state`.
    """

    def __init__(self, router: EventRouter, send_event: SendEvent) -> None:
        self._router = router
        self._send_event = send_event
        self._unreadable = UnreadableLog(logger)

    def seed(self, session_sockets: SessionSockets, record: Record, namespace: str = "/") -> None:
        """Take a new socket to have the state that it connected with: it asks for that by itself."""
        events = self._router.namespaces.get(namespace)
        for event in events.stateful if events else ():
            value = self._read(event, record, session_sockets.key)
            if value is not _UNREADABLE:
                session_sockets.seed(event.name, record.version - 1, value)

    def values(self, record: Record, namespace: str, key: str) -> Iterator[tuple[str, Any]]:
        """Yield the state of a record: each event of a namespace, and its value."""
        events = self._router.namespaces.get(namespace)
        for event in events.stateful if events else ():
            value = self._read(event, record, key)
            if value is not _UNREADABLE:
                yield event.name, value

    def resync(self, session_sockets: SessionSockets, record: Record) -> None:
        """Send the state of a record, unless the sockets have received it."""
        for event, namespaces in self._stateful():
            last = session_sockets.last_sent(event.name)
            if last is None or last.version >= record.version:
                continue
            value = self._read(event, record, session_sockets.key)
            if value is _UNREADABLE:
                continue
            session_sockets.accept(event.name, record.version, value)
            if value != last.value:
                for namespace in namespaces:
                    self._send_event(session_sockets.loaded(namespace), event.name, value)

    def _stateful(self) -> Iterable[tuple[ServerEvent, list[str]]]:
        """Return each event of state, with the namespaces that have it."""
        found: dict[str, tuple[ServerEvent, list[str]]] = {}
        for events in self._router:
            for event in events.stateful:
                found.setdefault(event.name, (event, []))[1].append(events.name)
        return found.values()

    def _read(self, event: ServerEvent, record: Record, key: str) -> Any:
        try:
            return self._value(event, record)
        except UnreadableRecordError:
            self._unreadable.note(key)
            return _UNREADABLE
        except Exception:
            # One session's data must not keep others from being reloaded, or sockets from connecting.
            logger.exception("cannot read the state of %r from a session", event.name)
            return _UNREADABLE

    def _value(self, event: ServerEvent, record: Record) -> Any:
        value = event.read_state(parse(record.data))
        if isinstance(value, str):
            refuse_for_offset(event.name, self._router.sending(event.name))
        return value
