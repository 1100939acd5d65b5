"""Somebody's browser: requests and sockets with the same cookies, in process."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from ..article import kind_of
from .changes import WITHIN
from .connection import Connection, Message
from .http import AsyncClient, httpx
from .node import Node, NodeKilledError
from .socket import ClientSocket
from .websocket import ClientWebSocket

_CLIENT = ("127.0.0.1", 123)


class _NodeTransport(httpx.AsyncBaseTransport):
    """Serves requests on the node that the browser is on at the time."""

    def __init__(self, node: Callable[[], Node], *, raise_app_exceptions: bool) -> None:
        self._node = node
        self._raises = raise_app_exceptions

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        node = self._node()
        if not node.alive:
            raise httpx.ConnectError("the node was killed, or is not running", request=request)
        app = partial(_serve, node)
        asgi = httpx.ASGITransport(app, raise_app_exceptions=self._raises, client=_CLIENT)
        try:
            return await node.call(asgi.handle_async_request(request))
        except NodeKilledError as error:
            raise httpx.ReadError(str(error), request=request) from None


class Browser(AsyncClient):
    """An httpx.AsyncClient whose requests and sockets go to a node of a TestApp, with the same cookies.

    `TestApp.browser` makes it. Each is a visitor of its own.

    Attributes:
        on: the number of the node that it talks to; a test may set it, as a balancer would.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        on: int,
        *,
        socket_path: str,
        raise_app_exceptions: bool,
        failures: list[BaseException],
        now: Callable[[], float],
        **options: Any,
    ) -> None:
        self._nodes = nodes
        self._socket_path = socket_path
        self._failures = failures
        self._now = now
        self._sockets: list[ClientSocket] = []
        self._websockets: list[ClientWebSocket] = []
        self.on = on
        transport = _NodeTransport(
            lambda: self.node(None), raise_app_exceptions=raise_app_exceptions
        )
        super().__init__(transport=transport, **options)

    async def connect(
        self,
        namespace: str = "/",
        *,
        auth: Any = None,
        node: int | None = None,
        within: float = WITHIN,
    ) -> ClientSocket:
        """Open a socket; return it when its namespace has let it in.

        Args:
            namespace: to connect to.
            auth: to send with the CONNECT packet: a dict that JSON has, or a function that returns one.
            node: its number; the browser's own if None is given.
            within: seconds of real time to wait for it.

        Raises:
            ConnectError: it is refused.
            ConnectionError: the node does not run, or the connection was lost meanwhile.
            TypeError: the auth is no dict that JSON has, or the namespace is no string.
            ValueError: the namespace does not begin with a slash, or there is no such node.
        """
        socket = ClientSocket(self, namespace, auth, self._failures)
        self._sockets.append(socket)
        await socket.reconnect(node=node, within=within)
        return socket

    async def websocket(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        node: int | None = None,
        within: float = WITHIN,
    ) -> ClientWebSocket:
        """Open a WebSocket to a route of the app's own; return it when the app has accepted it.

        Args:
            url: of the route, as in a request: "/ws".
            headers: to send beside the cookies.
            subprotocols: to offer.
            node: its number; the browser's own if None is given.
            within: seconds of real time to wait for it.

        Raises:
            ConnectError: it is refused.
            ConnectionError: the node does not run, or the connection was lost meanwhile.
            ValueError: there is no such node.
        """
        websocket = ClientWebSocket(self.keep_cookies)
        self._websockets.append(websocket)
        request = self.build_request("GET", url, headers=headers)
        opened = partial(self._open, self.node(node), request, subprotocols)
        await websocket.open(opened, within)
        return websocket

    async def aclose(self) -> None:
        """Disconnect the sockets, and close."""
        for each in self._sockets:
            each.disconnect()
        for websocket in self._websockets:
            websocket.close()
        await super().aclose()

    def check_heartbeats(self) -> bool:
        """Check the heartbeats that the sockets get from their nodes; return whether one was late."""
        late = [each for each in self._sockets if each.check_heartbeat()]
        return bool(late)

    def now(self) -> float:
        """Return the time by which heartbeats go, in seconds."""
        return self._now()

    def node(self, node: int | None) -> Node:
        """Return the node of a number, or the browser's own; raise ValueError if there is none."""
        number: object = self.on if node is None else node
        if not isinstance(number, int):
            raise TypeError(f"node= takes its number, as in node=0, not {kind_of(number)}")
        try:
            return self._nodes[number]
        except IndexError:
            raise ValueError(_no_node(number, len(self._nodes))) from None

    def open(self, node: Node, receive: Callable[[Message], None]) -> Connection:
        """Open a WebSocket to the Socket.IO server of a node; `connect` makes a socket of one."""
        url = f"{self._socket_path}/?EIO=4&transport=websocket"
        return self._open(node, self.build_request("GET", url), (), receive)

    def _open(
        self,
        node: Node,
        request: httpx.Request,
        subprotocols: Sequence[str],
        receive: Callable[[Message], None],
    ) -> Connection:
        if not node.alive:
            raise NodeKilledError("the node was killed, or is not running")
        scope = _scope(request, node) | {"subprotocols": list(subprotocols)}
        return Connection(node, scope, receive)

    def keep_cookies(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep the cookies of an answer to a handshake."""
        request = self.build_request("GET", self._socket_path + "/")
        self.cookies.extract_cookies(httpx.Response(101, headers=list(headers), request=request))


async def _serve(node: Node, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request with the state of the lifespan, which httpx does not know, as servers do."""
    await node.app({**scope, "state": dict(node.state)}, receive, send)


def _no_node(number: int, started: int) -> str:
    if not started:
        return "no node has been started: write async with TestApp(app) as test"
    return (
        f"there is no node {number}: the TestApp has {started}, from 0 on; start more by "
        f"TestApp(app, nodes={number + 1}) or add_node()"
    )


def _scope(request: httpx.Request, node: Node) -> dict[str, Any]:
    """Return the ASGI scope of a WebSocket."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if request.url.scheme == "https" else "ws",
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": _CLIENT,
        "server": (request.url.host, request.url.port),
        "subprotocols": [],
        "state": dict(node.state),
        "extensions": {"websocket.http.response": {}},
    }
