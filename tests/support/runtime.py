"""The parts behind an emitter, for tests that look at what is left over."""

from app import Emitter
from app.realtime.messenger import Messenger
from app.realtime.service import RealtimeService


def realtime_of(emitter: Emitter) -> RealtimeService:
    """The Socket.IO service of the running event loop."""
    messenger = emitter._current()
    assert isinstance(messenger, Messenger)
    service = messenger.registry._listener
    assert isinstance(service, RealtimeService)
    return service
