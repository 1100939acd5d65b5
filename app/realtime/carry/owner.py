"""At the node that has a socket: answers the requests that arrived at another node."""

import asyncio
import logging
import time
from collections import deque
from functools import partial

from starlette.types import Message

from ..bus.base import BusUnavailableError
from ..engineio.asgi import EngineApp, check_polls
from ..engineio.payload import PacketError
from ..engineio.requests import NOT_YOURS, BadRequestError
from ..engineio.responses import Response
from ..engineio.server import EngineServer
from ..engineio.socket import EngineSocket
from .messages import About, Answer, Ask, CallOff, Fault, Release
from .streams import CarryStreams

logger = logging.getLogger(__name__)

LOST, FAILED = "lost", "failed"
"""Answers that are no problem of the client's: it was answered before, and the handler has failed."""

_RETRY_SECONDS = 0.2
_ANSWER_SECONDS = 10.0
"""How long an answer is kept for a node that cannot be reached."""

_KNOWN_NUMBERS = 2_000
_MAX_NODES = 300


class CarriedOwner:
    """Serves the requests of its sockets' clients that other nodes hold.

    Each is served once: one that comes again is being served, or is answered LOST.

    Args:
        engine: the sockets.
        app: serves their requests.
        streams: take the answers.
    """

    def __init__(self, engine: EngineServer, app: EngineApp, streams: CarryStreams) -> None:
        self._engine = engine
        self._app = app
        self._streams = streams
        self._served: dict[About, _Served] = {}
        self._answered: dict[str, _Numbers] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def nodes(self) -> set[str]:
        """The nodes whose requests are being served."""
        return {about.node for about in self._served}

    def receive(self, message: Ask | CallOff | Release) -> None:
        """Handle a message of a node that holds a request; returns without waiting."""
        served = self._served.get(message.about)
        match message:
            case Ask() if served is None:
                self._receive_ask(message)
            case CallOff() if served is not None:
                served.call_off()
            case Release() if served is not None:
                served.release()

    def call_off(self, node: str) -> None:
        """Call off what a node held that has gone."""
        for about, served in self._served.items():
            if about.node == node:
                served.call_off()
        self._answered.pop(node, None)

    def call_off_all(self) -> None:
        """Call off what any node held, as all have taken this one for gone."""
        for served in self._served.values():
            served.call_off()

    def close(self) -> None:
        """Serve no more. May be called twice."""
        for task in self._tasks:
            task.cancel()

    def _receive_ask(self, ask: Ask) -> None:
        if ask.about.number in self._numbers(ask.about.node):
            self._streams.send_and_forget(ask.about.node, Answer(ask.about, LOST).parcel())
            return
        served = self._served[ask.about] = _Served()
        task = asyncio.create_task(self._serve(ask, served))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, ask: Ask, served: "_Served") -> None:
        try:
            answer = await self._answer(ask, served)
            if not served.is_called_off:
                await self._send(answer, served)
        finally:
            del self._served[ask.about]
            self._numbers(ask.about.node).add(ask.about.number)

    def _numbers(self, node: str) -> "_Numbers":
        known = self._answered.get(node)
        if known is None:
            while len(self._answered) >= _MAX_NODES:
                del self._answered[next(iter(self._answered))]
            known = self._answered[node] = _Numbers()
        return known

    async def _answer(self, ask: Ask, served: "_Served") -> Answer:
        socket = self._engine.find_by_digest(ask.digest)
        served.socket = socket
        may = self._engine.may_use(
            socket, ask.keys.__contains__, lambda: ask.presented, polls=ask.polls
        )
        if not may:
            return Answer(ask.about, NOT_YOURS.type)
        try:
            response = await self._respond(check_polls(socket), ask, served)
        except BadRequestError as error:
            return Answer(ask.about, error.problem.type)
        except Exception:
            logger.exception("a carried request has failed")
            return Answer(ask.about, FAILED)
        return Answer(ask.about, "", response.media_type.decode(), response.body)

    async def _respond(self, socket: EngineSocket, ask: Ask, served: "_Served") -> Response:
        if ask.polls:
            return await self._app.poll(socket, served.receive)
        return await self._app.post(socket, partial(_handle_post, ask))

    async def _send(self, answer: Answer, served: "_Served") -> None:
        """Send an answer, again and again while that is not possible."""
        until = time.monotonic() + _ANSWER_SECONDS
        while not served.is_called_off and time.monotonic() < until:
            try:
                await self._streams.send(answer.about.node, answer.parcel())
            except BusUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return


async def _handle_post(ask: Ask, socket: EngineSocket) -> None:
    if ask.fault is Fault.SLOW:
        raise TimeoutError
    if ask.fault is not None:
        raise PacketError(ask.reason)
    await socket.receive_payload(ask.body)


class _Served:
    """A request that is being served."""

    __slots__ = ("_over", "socket")

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self.socket: EngineSocket | None = None

    @property
    def is_called_off(self) -> bool:
        """Whether nobody waits for the answer."""
        return self._over.is_set()

    def call_off(self) -> None:
        """Note that its client has hung up, or that the node that holds it has gone."""
        self._over.set()

    def release(self) -> None:
        """Answer the poll that waits, if there is one."""
        if self.socket is not None:
            self.socket.end_poll()

    async def receive(self) -> Message:
        """Return that the client has hung up, when it has; see ASGI."""
        await self._over.wait()
        return {"type": "http.disconnect"}


class _Numbers:
    """The last numbers of a node's requests; those that are older than all of them count as known."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._known: set[int] = set()
        self._forgotten = -1

    def __contains__(self, number: int) -> bool:
        return number <= self._forgotten or number in self._known

    def add(self, number: int) -> None:
        """Add a number."""
        self._known.add(number)
        self._order.append(number)
        if len(self._order) > _KNOWN_NUMBERS:
            oldest = self._order.popleft()
            self._known.discard(oldest)
            self._forgotten = max(self._forgotten, oldest)
