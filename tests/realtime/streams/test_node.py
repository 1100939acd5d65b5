"""What `Emitter.stream` refuses, and what clients may say of where they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from app import EVERYBODY, EndReason, EventRouter, Socket, SocketDep, to_session, to_socket
from app.realtime.event_error import EventError
from app.realtime.service import RealtimeService
from app.realtime.streams.chunks import MAX_ITEM_BYTES
from tests.realtime.two_nodes import Client, cluster
from tests.support.eventually import PATIENCE


class Given:
    """A source of what it is given."""

    def __init__(self, *items: Any) -> None:
        self.items = list(items)
        self.closed = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if not self.items:
            raise StopAsyncIteration
        return self.items.pop(0)

    async def aclose(self) -> None:
        self.closed = True


def streaming_router(namespace: str = "/") -> EventRouter:
    router = EventRouter(namespace)
    router.sends("tokens", int, stream=True)
    router.sends("parts", bytes, stream=True)
    router.sends("news", str)
    return router


async def parts(client: Client, name: str) -> list[Any]:
    """Return what a client is sent of a stream, up to its end."""
    found: list[Any] = []
    while not found or "items" in found[-1] or "missed" in found[-1]:
        event, part = await client.event()
        assert event == name
        found.append(part)
    return found


async def streamed(node: RealtimeService, *items: Any, to: Any, **more: Any) -> Given:
    source = Given(*items)
    await node.emitter.stream("tokens", source, to=to, **more)
    return source


async def test_a_source_of_any_kind_is_sent_and_closed() -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        source = await streamed(nodes.nodes[0], 1, 2, 3, to=await nodes.session(), id="a")
        assert source.closed
        assert await parts(client, "tokens") == [
            {"stream": "a", "offset": 0, "items": [1, 2, 3]},
            {"stream": "a", "offset": 3, "done": True},
        ]


@pytest.mark.parametrize("to", ["lobby", to_socket("sid"), EVERYBODY], ids=str)
async def test_a_stream_is_for_a_session_or_a_user(to: Any) -> None:
    async with cluster(streaming_router()) as nodes:
        with pytest.raises(TypeError, match="takes a Session, to_session"):
            await streamed(nodes.nodes[0], to=to)


async def test_an_event_that_is_no_stream_is_refused() -> None:
    async with cluster(streaming_router()) as nodes:
        for event, namespace in (("news", "/"), ("olds", "/"), ("tokens", "/admin")):
            with pytest.raises(ValueError, match=r"stream=True"):
                await nodes.nodes[0].emitter.stream(
                    event, Given(), to=to_session("0" * 64), namespace=namespace
                )


async def test_without_any_declared_stream_all_are_refused() -> None:
    async with cluster(EventRouter()) as nodes:
        with pytest.raises(ValueError, match=r"stream=True"):
            await streamed(nodes.nodes[0], to=to_session("0" * 64))
        assert nodes.nodes[0].streams is None


async def test_what_is_no_async_iterable_is_refused() -> None:
    async with cluster(streaming_router()) as nodes:
        with pytest.raises(TypeError, match="an async iterable, not of a list"):
            await nodes.nodes[0].emitter.stream("tokens", [1], to=to_session("0" * 64))  # type: ignore[arg-type] # what is refused


@pytest.mark.parametrize("id_", ["", "a b", "x" * 65, "é"])
async def test_an_id_that_cannot_be_used_is_refused(id_: str) -> None:
    async with cluster(streaming_router()) as nodes:
        with pytest.raises(ValueError, match="the id of a stream"):
            await streamed(nodes.nodes[0], to=to_session("0" * 64), id=id_)


async def test_an_id_that_is_in_use_is_refused_and_the_source_closed() -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        session = await nodes.session()
        await streamed(nodes.nodes[0], 1, to=session, id="a")
        source = Given(1)
        with pytest.raises(ValueError, match="there is a stream 'a' already"):
            await nodes.nodes[0].emitter.stream("tokens", source, to=session, id="a")
        assert source.closed
        assert source.items == [1]


@pytest.mark.parametrize(
    ("item", "error"), [("x", ValidationError), (None, ValidationError)], ids=str
)
async def test_an_item_of_another_type_is_refused(item: Any, error: type[Exception]) -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        with pytest.raises(error):
            await streamed(nodes.nodes[0], 1, item, to=await nodes.session())
        assert (await parts(client, "tokens"))[-1]["error"]["type"] == "internal-error"


async def test_an_item_that_is_too_large_is_refused() -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        session = await nodes.session()
        with pytest.raises(ValueError, match="cut it"):
            await nodes.nodes[0].emitter.stream(
                "parts", Given(b"x" * (MAX_ITEM_BYTES + 1)), to=session
            )


async def test_a_declared_stream_has_one_type_and_no_state() -> None:
    router = EventRouter()
    for types in ((), (int, int)):
        with pytest.raises(ValueError, match="has one type, that of an item"):
            router.sends("tokens", *types, stream=True)
    with pytest.raises(ValueError, match="no state"):
        router.sends("tokens", int, state=len, stream=True)


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ({"a": 2}, 2),
        ({"a": 0, "b": 7}, 0),
        ({"a": -1}, 0),
        ({"a": True}, 0),
        ({"a": "2"}, 0),
        ({"a": 1.0}, 0),
        ({"a": 2**53}, 0),
        ([2], 0),
        ("a", 0),
        (None, 0),
        ({str(number): 2 for number in range(1001)} | {"a": 2}, 2),
        ({"a": 2} | {str(number): 2 for number in range(1001)}, 0),
    ],
    ids=lambda said: str(said)[:20],
)
async def test_a_client_says_where_it_was(said: Any, first: int) -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()

        async def one_by_one() -> AsyncIterator[int]:
            for number in range(4):
                yield number
                await client.event()  # else several are one chunk

        session = await nodes.session()
        await nodes.nodes[0].emitter.stream("tokens", one_by_one(), to=session, id="a")
        async with nodes.client() as late:
            await late.join(auth={"streams": said})
            found = await parts(late, "tokens")
        assert [each["offset"] for each in found] == list(range(first, 5))


async def test_who_is_in_the_midst_of_a_chunk_gets_all_of_it() -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        await streamed(nodes.nodes[0], 0, 1, 2, to=await nodes.session(), id="a")
        async with nodes.client() as late:
            await late.join(auth={"streams": {"a": 1}})
            assert [each["offset"] for each in await parts(late, "tokens")] == [0, 3]


async def test_who_has_all_of_a_stream_gets_its_end_alone() -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        await streamed(nodes.nodes[0], 1, 2, to=await nodes.session(), id="a")
        for offset in (2, 3, 2**53 - 1):
            async with nodes.client() as late:
                await late.join(auth={"streams": {"a": offset}})
                if offset == 2:
                    assert len(await parts(late, "tokens")) == 1


async def test_handlers_of_connects_see_what_else_there_is_in_auth() -> None:
    router, seen = streaming_router(), []

    @router.on_connect
    async def connect(socket: SocketDep, auth: Any) -> None:
        seen.append(auth)

    async with cluster(router) as nodes, nodes.client() as client:
        await client.join(auth={"streams": {"a": 2}, "name": "ann"})
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join(auth={"streams": {}})
    assert seen == [{"name": "ann"}, {}]


async def test_a_connect_that_is_refused_leaves_nothing_behind() -> None:
    router = streaming_router()

    @router.on_connect
    async def connect(socket: Socket) -> None:
        raise EventError("no", "go away")

    async with cluster(router) as nodes, nodes.client() as client:
        assert "go away" in await client.join(auth={"streams": {"a": 2}})
        streams = nodes.nodes[0].streams
        assert streams is not None
        assert streams._readings == {}


async def test_a_source_that_goes_on_when_it_is_cancelled_is_stopped() -> None:
    async with cluster(streaming_router()) as nodes, nodes.client() as client:
        await client.join()
        session = await nodes.session()

        async def stubborn() -> AsyncIterator[int]:
            for number in range(10**9):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.001)
                yield number

        sending = asyncio.create_task(
            nodes.nodes[0].emitter.stream("tokens", stubborn(), to=session)
        )
        await client.event()
        await session.destroy()
        assert await asyncio.wait_for(sending, PATIENCE) == EndReason.LOGOUT
