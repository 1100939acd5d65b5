"""Sockets as code outside of the app reaches them: over the bus, without being a node."""

import asyncio
import secrets
from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import Any

from ..redis.prefix import check_prefix_of_worker
from ..redis.url import TIMEOUT, connect
from ..sessions import EndReason
from ..sessions.stores.redis import RedisStore
from .addresses import address_of
from .bodies import Body, write_body
from .bus.base import EVERY_NODE, BusUnavailableError
from .bus.messages import (
    CallMessage,
    DisconnectMessage,
    EventMessage,
    MembershipMessage,
    Message,
    ReplyMessage,
    StreamMessage,
)
from .bus.redis import WAIT, RedisBus
from .bus.relay import BusRelay
from .emitter import ack_of_call, check_event, check_room
from .event_error import EventError
from .payloads import jsonable, jsonable_all
from .redis_presence import RedisPresence
from .remote_calls import RemoteCalls
from .rooms import room_key
from .streams.audience import Audience
from .streams.log import StreamName
from .streams.producer import Surroundings
from .streams.redis import RedisStreamLog
from .streams.sending import send_stream, stream_name
from .targets import Target
from .tracing import tracing

PUBLISH_TIMEOUT_SECONDS = 1.0
_COUNTS_FOR_SECONDS = 60.0


class Outside:
    """What an Emitter of a worker sends with.

    It reads the bus only once it has called a socket: the answer comes that way.

    Args:
        redis_url: where the bus is.
        prefix: of its keys.
    """

    def __init__(self, redis_url: str, prefix: str) -> None:
        name = f"outside-{secrets.token_hex(8)}"
        check_prefix_of_worker(prefix)
        self._client = connect(redis_url)
        reader = connect(redis_url, timeout=WAIT + TIMEOUT)
        bus = RedisBus(self._client, reader, prefix=prefix)
        self._relay = BusRelay(bus, self._deliver, self._joined, node=name, addressed=False)
        self._presence = RedisPresence(
            self._client, self._client, node=name, lifetime=_COUNTS_FOR_SECONDS, prefix=prefix
        )
        store = RedisStore(self._client, prefix=prefix)
        self._streams = Surroundings(
            RedisStreamLog(self._client, prefix),
            partial(Audience, store, store),
            self._announce,
            _explain,
        )
        self._reads = asyncio.Event()
        self._calls = RemoteCalls(self._publish_call)

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or one is being made."""
        return self._client.connected

    async def emit(
        self,
        to: Target,
        event: str,
        args: Iterable[Any],
        *,
        skip_sid: str | None,
        namespace: str,
        volatile: bool,
        wait: bool,
    ) -> None:
        """Send an event to sockets."""
        _check_namespace(namespace)
        body = _body(event, args).on_the_bus()
        with tracing.emit(event, namespace) as traceparent:
            message = EventMessage(
                space=to.space,
                name=to.name,
                namespace=namespace,
                body=body,
                skip=skip_sid,
                volatile=volatile,
                traceparent=traceparent,
            )
            if wait:
                await self._publish(message, address_of(to, namespace))
            else:
                self._relay.send(message, address_of(to, namespace))

    async def call(
        self,
        to: Target,
        event: str,
        args: Iterable[Any],
        *,
        namespace: str,
        timeout: float,  # noqa: ASYNC109 - a part of what is asked
    ) -> Any:
        """Send an event to one socket, and return its ack."""
        del namespace  # a socket is found in whichever it is
        if to.space != "socket":
            raise TypeError("call() takes one socket: to=to_socket(sid)")
        async with asyncio.timeout(timeout):
            return ack_of_call(await self._calls.call(to.name, _body(event, args)))

    async def join(self, to: Target, room: str, *, namespace: str) -> None:
        """Add sockets to a room."""
        await self._move(to, room, namespace, joins=True)

    async def leave(self, to: Target, room: str, *, namespace: str) -> None:
        """Take sockets out of a room."""
        await self._move(to, room, namespace, joins=False)

    async def count(self, to: Target, *, namespace: str) -> int:
        """Return the number of connected sockets; of a session that of its connections."""
        _check_namespace(namespace)
        if to.space == "socket":
            return int(await self._calls.is_connected(to.name))
        return await self._presence.count_remote(address_of(to, namespace))

    async def disconnect(self, to: Target, *, reconnect: bool, namespace: str | None) -> None:
        """Disconnect sockets; without a namespace in all of them, but for a room in `/`."""
        _check_namespace(namespace or "/")
        if namespace is None and to.space == "room":
            namespace = "/"
        await self._publish(
            DisconnectMessage(
                space=to.space, name=to.name, namespace=namespace, reconnect=reconnect
            ),
            address_of(to, namespace),
        )

    async def stream(
        self,
        to: Target,
        event: str,
        source: AsyncIterable[Any],
        *,
        namespace: str,
        id_: str | None,
    ) -> EndReason | None:
        """Send a source to the sockets of a session or a user; the declared type is not known here."""
        _check_namespace(namespace)
        name = stream_name(to, namespace, id_)
        return await send_stream(self._streams, name, event, source, jsonable)

    async def aclose(self) -> None:
        """Send what is left, and close the connections."""
        await self._relay.aclose()
        await self._client.aclose()

    def _announce(self, name: StreamName) -> None:
        message = StreamMessage(
            space=name.to.space, name=name.to.name, namespace=name.namespace, stream=name.id
        )
        self._relay.send(message, address_of(name.to, name.namespace))

    async def _move(self, to: Target, room: str, namespace: str, *, joins: bool) -> None:
        check_room(room)
        _check_namespace(namespace)
        message = MembershipMessage(
            space=to.space, name=to.name, namespace=namespace, room=room, joins=joins
        )
        joined = room_key(namespace, room) if joins else None
        await self._publish(message, address_of(to, namespace), joined)

    async def _publish(self, message: Message, to: str, joins: str | None = None) -> None:
        await self._relay.publish(message, PUBLISH_TIMEOUT_SECONDS, to, joins)

    async def _publish_call(self, message: CallMessage) -> None:
        await self._read()
        await self._publish(message, EVERY_NODE)

    async def _read(self) -> None:
        """Start to read the bus, in each event loop anew, and wait until it is known from where."""
        if not self._relay.receives:
            self._reads = asyncio.Event()
            self._relay.start()
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
                await self._reads.wait()
        except TimeoutError:
            raise BusUnavailableError("the bus cannot be read") from None

    async def _joined(self) -> None:
        """Go on: from here on nothing is missed. After a gap those who wait for acks time out."""
        self._reads.set()

    async def _deliver(self, message: Message) -> None:
        if isinstance(message, ReplyMessage):
            self._calls.receive(message)


def _check_namespace(namespace: str) -> None:
    """Raise ValueError for what no app has: which ones the nodes have is not known here."""
    if not namespace.startswith("/"):
        raise ValueError(f"{namespace!r} is no namespace: it begins with /")


def _body(event: str, args: Iterable[Any]) -> Body:
    check_event(event)
    return write_body([event, *jsonable_all(event, list(args))])


def _explain(error: BaseException) -> dict[str, Any]:
    """Return what readers are sent of an error of a source's."""
    if isinstance(error, EventError):
        return {**error.extra, "type": error.type, "detail": error.detail}
    return {"type": "internal-error", "detail": "The error is in the server's log."}
