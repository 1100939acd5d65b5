"""Keys under which Mooring and its server keep something in an ASGI scope."""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from enum import Enum, auto

DrainHook = Callable[[float], Awaitable[None]]
"""Disconnect sockets over so many seconds, and refuse new ones from now on."""

DRAIN_HOOKS = "mooring.drain"
"""A list in the lifespan's scope. The server awaits each `DrainHook` in it before it stops."""

EMITTER = "mooring.emitter"
"""The Emitter, for dependencies of routes and WebSocket routes."""

USERS = "mooring.users"
"""The Users, likewise."""

EVENT_SOCKET = "mooring.socket"
"""Returns the Socket of the event or connect that dependencies are solved for."""

REQUEST_ID = "mooring.request_id"
"""The id of a request that a layer outside has named already."""

FIELDS = "mooring.fields"
"""A request's header fields by their names; see `fields_of`."""

CROSS_ORIGIN = "mooring.cross_origin"
"""True for a request to which Mooring's own CORS layer adds header fields."""

Presented = Callable[[Iterable[tuple[bytes, bytes]]], Hashable]

PRESENTED = "mooring.presented"
"""A `Presented`: of header fields it returns a fingerprint of the session cookies, None if there are none."""


class Token(Enum):
    """What a request without cookies has as its token."""

    NONE_YET = auto()
    GOOD = auto()
    BAD = auto()


TOKEN = "mooring.token"  # noqa: S105 - a name
"""A `Token`, for a request that carries its session in header fields; else there is nothing."""

RUNTIME = "mooring.runtime"
"""What runs on the event loop that serves a request; see Runtime."""

ANSWERED = "mooring.answered"
"""The unhandled error to which Mooring has sent the response of the app's own handler."""
