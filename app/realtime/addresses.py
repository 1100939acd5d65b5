"""The keys under which nodes publish their sockets of a target: what is sent to it goes to these nodes."""

from .bus.base import EVERY_NODE
from .rooms import namespace_key, room_key
from .targets import Target
from .user_sockets import user_key


def address_of(to: Target, namespace: str | None) -> str:
    """Return the key of a target, EVERY_NODE if nothing says where its sockets are.

    Args:
        to: the sockets.
        namespace: where they are; None for sockets of any.
    """
    match to.space:
        case "session":
            return to.name
        case "room":
            return room_key(namespace or "/", to.name)
        case "user" if namespace is not None:
            return user_key(namespace, to.name)
        case "all" if namespace is not None:
            return namespace_key(namespace)
    return EVERY_NODE
