"""Which requests say completely what they want, and the answers to all others.

As in the Node server: a WebSocket's handshake names its transport, and one that does not arrive as a
WebSocket is no poll.
"""

from starlette.types import Scope

from ...asgi.headers import get_header
from ...asgi.problems import Problem
from .query import POLLING, VERSION, WEBSOCKET, Query


class BadRequestError(Exception):
    """A request is refused with a problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.type)
        self.problem = problem


def _problem(kind: str, detail: str) -> Problem:
    return Problem(400, kind, "This is no request of Engine.IO", detail)


UNKNOWN_TRANSPORT = _problem(
    "unknown-transport", "The query names no transport, or another one than polling and websocket."
)
UNSUPPORTED_VERSION = _problem(
    "unsupported-protocol-version",
    "The query has to say EIO=4, as the clients of Socket.IO 3 and later do.",
)
BAD_METHOD = _problem(
    "bad-method", "A handshake is a GET, and a socket is asked with GET and POST."
)
BAD_UPGRADE = _problem(
    "bad-upgrade",
    "A WebSocket's handshake is a GET that names transport=websocket and has the headers"
    " Upgrade: websocket and Connection: Upgrade. Proxies have to pass these on.",
)
UNKNOWN_SOCKET = _problem(
    "unknown-socket", "No socket of this id is open, or it is a WebSocket by now."
)
NOT_YOURS = Problem(
    403,
    "not-your-socket",
    "This socket belongs to another session",
    "A socket is served with the session cookie of its handshake alone. Connect anew.",
)
UPGRADE_ELSEWHERE = _problem(
    "upgrade-elsewhere",
    "Another node has this socket: it stays on polling, unless an upgrade arrives there.",
)
OVERLAPPING_POLLS = _problem("overlapping-polls", "A socket is polled by one request at a time.")
OVERLAPPING_POSTS = _problem(
    "overlapping-posts", "A socket's packets are posted one body at a time."
)
SLOW_BODY = Problem(
    408,
    "slow-body",
    "The request's body has not come",
    "A post to a socket has to be complete within 20 seconds.",
    headers={"connection": "close"},
)
BAD_PAYLOAD = _problem("bad-payload", "The body is incomplete, or no payload of Engine.IO 4.")


def check(query: Query, scope: Scope) -> None:
    """Raise BadRequestError for a request that can be none of this protocol."""
    if query.transport not in (POLLING, WEBSOCKET):
        raise BadRequestError(UNKNOWN_TRANSPORT)
    if (query.transport == WEBSOCKET) != (scope["type"] == "websocket"):
        raise BadRequestError(BAD_UPGRADE)
    if query.version != VERSION:
        raise BadRequestError(UNSUPPORTED_VERSION)
    if scope["type"] == "http":
        _check_http(query, scope)


def _check_http(query: Query, scope: Scope) -> None:
    if scope["method"] != "GET" and (query.sid is None or scope["method"] != "POST"):
        raise BadRequestError(BAD_METHOD)
    if _asks_for_websocket(scope):
        raise BadRequestError(BAD_UPGRADE)


def _asks_for_websocket(scope: Scope) -> bool:
    """Return True for a WebSocket's handshake that the server has not taken for one, such as a POST."""
    upgrade = get_header(scope, b"upgrade")
    return upgrade is not None and upgrade.lower() == b"websocket" and _has_token(scope, b"upgrade")


def _has_token(scope: Scope, token: bytes) -> bool:
    tokens = (get_header(scope, b"connection") or b"").lower().split(b",")
    return any(each.strip() == token for each in tokens)
