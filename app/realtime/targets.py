"""To whom something is sent: rooms of the application, sessions, single sockets, everybody."""

from dataclasses import dataclass
from typing import Literal

from ..article import kind_of
from ..sessions import Session
from ..sessions.ids import user_name
from ..sessions.sign_in import check_user
from .socket_id import SocketLike

Space = Literal["room", "session", "socket", "user", "all"]


@dataclass(frozen=True, slots=True)
class Target:
    """Sockets that something is sent to. The spaces of names cannot collide: each has its kind.

    Attributes:
        space: what the name is one of.
        name: of the room, the key of the session, the id of the socket, or what an index calls the user.
    """

    space: Space
    name: str = ""


EVERYBODY = Target("all")
"""Every socket of a namespace."""

To = str | Target | Session | SocketLike
"""What the methods of an Emitter take: a string is always a room of the application."""


def to_user(user: str) -> Target:
    """Return all sockets of a user, for `to=`, also those that connect in the same moment.

    Args:
        user: the id that `sign_in` was given.

    Raises:
        TypeError: the id is no string.
        ValueError: it is empty, too long or has characters that UTF-8 does not have.
    """
    return Target("user", user_name(check_user(user)))


def to_session(key: str) -> Target:
    """Return the sockets of a session, for `to=`.

    Args:
        key: the session key, as `Session.key` has it.

    Raises:
        TypeError: the key is no string.
    """
    _check_string(key, "to_session() takes a session's key")
    return Target("session", key)


def to_socket(sid: str) -> Target:
    """Return one socket, for `to=`; it is found in whichever namespace it is.

    Args:
        sid: its id, as `Socket.sid` and the client's `socket.id` have it.

    Raises:
        TypeError: the id is no string.
    """
    _check_string(sid, "to_socket() takes a socket's id")
    return Target("socket", sid)


def target_of(to: To) -> Target:
    """Return the target that an argument names; raise TypeError if it is none."""
    if isinstance(to, str):
        return Target("room", to)
    if isinstance(to, Target):
        return to
    if isinstance(to, Session):
        return Target("session", to.key)
    if isinstance(to, SocketLike):
        return Target("socket", to.sid)
    raise TypeError(
        f"to= takes the name of a room, a Session, a Socket, to_user(id), to_session(key), "
        f"to_socket(sid) or EVERYBODY, not {kind_of(to)}"
    )


def _check_string(name: object, takes: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{takes}, a string, not {kind_of(name)}")
