"""The query of an Engine.IO request."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

VERSION = "4"
"""Of the protocol; the clients of Socket.IO 3 and later speak it."""

POLLING, WEBSOCKET = "polling", "websocket"
"""The transports that are served."""


class Query(NamedTuple):
    """What a client asks for.

    `sid` is None in a handshake, and the others if they are not named. Of several fields with one
    name the last counts, as in the Node server.
    """

    transport: str | None
    version: str | None
    sid: str | None
    jsonp: bool


@lru_cache(maxsize=64)
def parse_query(query_string: bytes) -> Query:
    """Parse a query; those of most handshakes are the same."""
    fields = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    return Query(
        transport=fields.get("transport"),
        version=fields.get("EIO"),
        sid=fields.get("sid") or None,
        jsonp="j" in fields,
    )
