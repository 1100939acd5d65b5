"""RealtimeServices in the test's own process, and a polling client for them."""

from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
from starlette.types import Receive, Scope, Send

from app.asgi.rate_limit import NoRateLimit
from app.asgi.scope import PRESENTED
from app.realtime.bus.base import Bus, MemoryBus
from app.realtime.events import EventRouter
from app.realtime.options import RealtimeOptions
from app.realtime.presence import LocalPresence, Presence
from app.realtime.service import RealtimeService
from app.sessions import SCOPE_KEY, MemoryStore, Policy, RequestSession, SessionManager

POLICY = Policy(idle=60.0, absolute=600.0)
_NEVER_SECONDS = 3600.0


def new_manager() -> SessionManager:
    """Return the manager of an empty store."""
    return SessionManager(MemoryStore(), POLICY)


def new_service(
    router: EventRouter | None = None,
    *,
    manager: SessionManager | None = None,
    bus: Bus | None = None,
    presence: Presence | None = None,
    node_id: str = "node",
    **options: Any,
) -> RealtimeService:
    """Return a service that is not started; it reloads nothing by itself, unless it is told how often.

    Else what a test waits for may come by a reload, whose first one is at any time of its interval.
    """
    options.setdefault("reload_interval", _NEVER_SECONDS)
    return RealtimeService(
        manager or new_manager(),
        router or EventRouter(),
        RealtimeOptions(**options),
        bus=bus or MemoryBus(),
        presence=presence or LocalPresence(),
        node_id=node_id,
        rate_limiter=NoRateLimit(),
    )


class SessionLayer:
    """What the HTTP side does for a handshake, with one session for all that comes."""

    def __init__(self, service: RealtimeService, manager: SessionManager) -> None:
        self._service = service
        self._manager = manager
        self.session_id: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_session = RequestSession(self._manager, self.session_id)
        scope[SCOPE_KEY] = request_session
        scope[PRESENTED] = cookies_of
        await self._service.app(scope, receive, send)
        self.session_id = request_session.issued_id or self.session_id


def cookies_of(headers: Iterable[tuple[bytes, bytes]]) -> Hashable:
    """Return the cookies of a request."""
    return tuple(value for name, value in headers if name == b"cookie") or None


class PollingClient:
    """A Socket.IO client on polling."""

    def __init__(self, http: httpx.AsyncClient, path: str) -> None:
        self._http = http
        self._path = f"{path}/?EIO=4&transport=polling"
        self.opened: dict[str, Any] = {}
        self._early: list[str] = []
        """What came with the connect packet: on a busy machine a ping may."""

    async def connect(self) -> None:
        """Open a socket, and connect to the namespace."""
        answer = await self._http.get(self._path)
        self.opened = orjson.loads(answer.text[1:])
        self._path += f"&sid={self.opened['sid']}"
        assert await self.post("40") == "ok"
        connected, *self._early = await self.poll()
        assert connected.startswith("40{")

    async def post(self, *frames: str) -> str:
        """Send packets; return the answer."""
        return (await self._http.post(self._path, content="\x1e".join(frames))).text

    async def poll(self) -> list[str]:
        """Return the packets that have come."""
        if self._early:
            early, self._early = self._early, []
            return early
        return (await self._http.get(self._path)).text.split("\x1e")


@asynccontextmanager
async def polling_client(
    service: RealtimeService, manager: SessionManager, *, path: str = "/socket.io"
) -> AsyncIterator[PollingClient]:
    """A client with a session of its own, which has connected."""
    transport = httpx.ASGITransport(SessionLayer(service, manager))
    async with httpx.AsyncClient(transport=transport, base_url="http://mooring.test") as http:
        client = PollingClient(http, path)
        await client.connect()
        yield client
