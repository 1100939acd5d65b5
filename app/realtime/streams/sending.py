"""`Emitter.stream`, on a node and in a worker."""

import re
import secrets
from collections.abc import AsyncIterable, Callable
from typing import Any

from ...sessions import EndReason
from ..emitter import check_event
from ..targets import Target
from .chunks import ChunkBuffer
from .log import StreamName
from .producer import Producer, Surroundings

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_BYTES = 9


async def send_stream(
    around: Surroundings,
    name: StreamName,
    event: str,
    source: AsyncIterable[Any],
    jsonable: Callable[[Any], Any],
) -> EndReason | None:
    """Send a source to the sockets of a session or a user; see `Emitter.stream`."""
    check_event(event)
    buffer = ChunkBuffer(event, name.id, jsonable, size=around.pace.chunk)
    return await Producer(around, name, buffer).run(source)


def stream_name(to: Target, namespace: str, id_: str | None) -> StreamName:
    """Return the name of a stream, whose id is random if none is given.

    Raises:
        TypeError: it is for neither a session nor a user.
        ValueError: the id cannot be used.
    """
    if to.space not in ("session", "user"):
        raise TypeError(
            "stream() takes a Session, to_session(key) or to_user(id): who connects later gets what it has "
            "missed of those alone, and with them a stream ends. For a Socket use its session"
        )
    if id_ is None:
        id_ = secrets.token_urlsafe(_ID_BYTES)
    elif not _ID.fullmatch(id_):
        raise ValueError("the id of a stream has 1 to 64 letters, digits, - and _")
    return StreamName(to, namespace, id_)
