"""What routes, WebSocket routes and event handlers may ask for, as annotations."""

from typing import Annotated

from fastapi import Depends

from .http.dependencies import OptionalSessionDep, SessionDep, emitter
from .http.idempotency import idempotent
from .http.sign_in import UserDep, recent_sign_in, users
from .realtime.emitter import Emitter
from .realtime.socket import Socket, event_socket
from .users.users import Users

__all__ = [
    "EmitterDep",
    "OptionalSessionDep",
    "SessionDep",
    "SocketDep",
    "UserDep",
    "UsersDep",
    "idempotent",
    "recent_sign_in",
]

EmitterDep = Annotated[Emitter, Depends(emitter)]
"""The Emitter of the app's Mooring, in routes, WebSocket routes and events."""

SocketDep = Annotated[Socket, Depends(event_socket)]
"""The Socket that sent an event, or that connects; for events alone, and what they depend on."""

UsersDep = Annotated[Users, Depends(users)]
"""The Users of the app's Mooring, in routes, WebSocket routes and events."""
