"""What sockets are told of a session's state, and what they may have missed of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.realtime.moorings import MooredSocket, Mooring
from app.sessions import Record
from app.sessions.data import parse

Read = Callable[[Mapping[str, Any]], Any]
Emit = Callable[[Iterable[MooredSocket], str, Any], None]


class News:
    """Makes good what a lost message left unsaid, when a reload shows that it was.

    `state` gives for each event that speaks of the state what it would say of a session's data.
    """

    def __init__(self, state: Mapping[str, Read], emit: Emit) -> None:
        self._state = state
        self._emit = emit

    def assume(self, mooring: Mooring, record: Record) -> None:
        """Take it that a socket that is moored now finds out for itself how things are."""
        data = parse(record.data)
        for event, read in self._state.items():
            mooring.assume(event, record.version - 1, read(data))

    def make_good(self, mooring: Mooring, record: Record) -> None:
        """Tell the sockets what they would have heard last, if it is not what they have."""
        for event, read in self._state.items():
            heard = mooring.heard(event)
            if heard is None or heard.version >= record.version:
                continue
            value = read(parse(record.data))
            is_news = value != heard.value
            mooring.hears(event, record.version, value)
            if is_news:
                self._emit(mooring.sockets.values(), event, value)
