"""Carries requests to the nodes that have their sockets, and serves those of this node's sockets."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace

from starlette.types import Receive, Scope

from ...aio.tasks import AnyTask, cancel
from ...asgi.errors import ServiceUnavailableError
from ..bus.base import BusUnavailableError
from ..engineio.asgi import EngineApp
from ..engineio.payload import PacketError
from ..engineio.requests import BadRequestError
from ..engineio.responses import Response
from ..engineio.server import EngineServer, digest_of
from ..metrics import CARRIED_BY, CARRIED_HELD
from ..stop_detector import running_time
from .holder import CarriedHolder, Held
from .messages import Answer, Ask, CarryMessage, Fault, parse
from .owner import CarriedOwner
from .peers import Peers
from .streams import LIFETIME_SECONDS, CarryStreams

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
_RETRY_SECONDS = 0.1
_OUTAGE_SECONDS = 1.0
"""Posts are answered with 503 when nothing could be read for so long."""

_LONGER_SECONDS = 5.0
"""An answer may take so much longer than the longest poll."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends a request.

    Attributes:
        keys: of the sessions that its cookies name.
        presented: the fingerprint of these cookies.
    """

    keys: tuple[str, ...]
    presented: str | None


class RequestCarrier:
    """One node's end of what is carried.

    Args:
        streams: connect this node with the others; closed by `aclose`.
        engine: the sockets of this node.
        app: serves the requests of their clients.
        node: this node's id.
    """

    def __init__(
        self, streams: CarryStreams, engine: EngineServer, app: EngineApp, *, node: str
    ) -> None:
        self._streams = streams
        self._app = app
        longest = engine.ping_interval + engine.ping_timeout + _LONGER_SECONDS
        self._holder = CarriedHolder(node, streams, longest)
        self._owner = CarriedOwner(engine, app, streams)
        self._peers = Peers(streams, on_gone=self._gone, on_lost=self._holder.ask_again)
        self._failing_since: float | None = None
        self._renewed_at = running_time()
        self._reader: AnyTask | None = None
        self._ticks: AnyTask | None = None
        engine.by_digest = {}

    def start(self) -> None:
        """Start to serve; needs a running event loop."""
        CARRIED_HELD.add(self._holder.__len__)
        self._reader = asyncio.create_task(self._read(), name="carried requests")
        self._ticks = asyncio.create_task(self._tick(), name="carried requests' nodes")

    def leave_metrics(self) -> None:
        """Stop being counted. May be called twice, and without a running event loop."""
        CARRIED_HELD.discard(self._holder.__len__)

    async def drain(self) -> None:
        """Hold polls no longer: their clients are to ask another node."""
        await self._holder.drain()

    async def aclose(self) -> None:
        """Serve no more, and answer what is held. May be called twice."""
        self._holder.close()
        self._owner.close()
        await cancel(self._reader, self._ticks)
        self._peers.close()
        await self._streams.aclose()

    async def respond(
        self, node: str, sid: str, client: Client, scope: Scope, receive: Receive
    ) -> Response:
        """Return the answer to a request whose socket another node has.

        Raises:
            BadRequestError: that node refuses it, or has gone.
            ServiceUnavailableError: it cannot be asked, or gives no answer.
        """
        polls = scope["method"] == "GET"
        about = self._holder.new_request()
        ask = Ask(about, digest_of(sid), polls, client.keys, client.presented)
        try:
            if polls:
                response = await self._poll(Held(node, ask), receive)
            else:
                response = await self._post(node, ask, scope, receive)
        except BadRequestError:
            CARRIED_BY["refused"].inc()
            raise
        except ServiceUnavailableError:
            CARRIED_BY["unavailable"].inc()
            raise
        CARRIED_BY["answered"].inc()
        return response

    async def _poll(self, held: Held, receive: Receive) -> Response:
        watching = asyncio.create_task(self._watch(held, receive))
        self._peers.check(held.owner)
        try:
            return await self._holder.ask(held)
        except asyncio.CancelledError:
            self._holder.call_off(held)
            raise
        finally:
            watching.cancel()

    async def _watch(self, held: Held, receive: Receive) -> None:
        """Call a poll off when its client hangs up."""
        with suppress(Exception):  # what a layer makes of a body, which polls have none of
            while (await receive())["type"] != "http.disconnect":
                pass
        self._holder.call_off(held)

    async def _post(self, node: str, ask: Ask, scope: Scope, receive: Receive) -> Response:
        async with AsyncExitStack() as stack:
            try:
                body = await stack.enter_async_context(self._app.body(scope, receive))
            except PacketError as error:
                ask = replace(ask, fault=Fault.BAD, reason=str(error))
            except TimeoutError:
                ask = replace(ask, fault=Fault.SLOW)
            else:
                ask = replace(ask, body=body)
            # A body may be long on its way, and too old a number is taken for one that was served before.
            ask = replace(ask, about=self._holder.new_request())
            self._peers.check(node)
            return await self._holder.ask(Held(node, ask))

    async def _read(self) -> None:
        while True:
            try:
                for parcel in await self._streams.read():
                    self._receive(parse(parcel))
            except BusUnavailableError:
                self._note_failure()
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:
                logger.exception("carried requests were not read, retrying")
                self._note_failure()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._note_success()

    def _receive(self, message: CarryMessage | None) -> None:
        if isinstance(message, Answer):
            self._holder.receive(message)
        elif message is not None:
            self._owner.receive(message)

    def _note_failure(self) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        elif time.monotonic() - self._failing_since > _OUTAGE_SECONDS:
            self._holder.fail_posts()

    def _note_success(self) -> None:
        if self._failing_since is not None:
            self._failing_since = None
            self._holder.ask_again()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._renew()
                self._peers.check_all(self._holder.owners | self._owner.nodes)
            except BusUnavailableError:
                pass  # the reader finds that, too
            except Exception:
                logger.exception("carried requests: a tick has failed")

    async def _renew(self) -> None:
        """Show that this node is there; make up for what was lost if it has not done so for a while."""
        if not await self._streams.renew():
            if running_time() - self._renewed_at > LIFETIME_SECONDS:
                self._owner.call_off_all()  # as it was taken for gone
            self._holder.ask_again()
        self._renewed_at = running_time()

    def _gone(self, node: str) -> None:
        self._holder.gone(node)
        self._owner.call_off(node)
