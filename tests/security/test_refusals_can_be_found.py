"""P13: each kind of refusal has a line in the log and a metric, both without a secret."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest

from app.asgi.limits import IDLE_PACKETS
from app.asgi.refusals import Refusal
from tests.security.test_refusals import (
    Victim,
    World,
    a_foreign_page,
    a_large_body,
    a_large_frame,
    a_poller_that_does_not_poll,
    a_thief_of_an_engine_id,
    a_websocket_that_never_asks_for_the_namespace,
    too_many_sockets_of_one_session,
    too_much_data_by_a_request,
    victim,
    world,
)
from tests.support.eventually import PATIENCE, eventually
from tests.support.http import cookie_header, http_client, problem
from tests.support.metrics import counted
from tests.support.raw import RawPolling, raw_polling, raw_websocket, refused_websocket
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import StoreSettings, memory_settings, server_settings

__all__ = ["victim", "world"]

pytestmark = pytest.mark.xdist_group("refusals")

SMALL_STORE_APP = "tests.support.small_store_app"
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
EVIL = {"origin": "https://evil.test"}
SECOND = 1.0


async def an_unsafe_request_of_a_foreign_page(victim: Victim) -> None:
    for headers in (EVIL, {"sec-fetch-site": "cross-site"}):
        answer = await victim.http.post("/incr", headers=headers)
        assert problem(answer) == (403, "foreign-origin")


async def a_preflight_of_a_foreign_page(victim: Victim) -> None:
    asked = EVIL | {"access-control-request-method": "POST"}
    assert (await victim.http.options("/incr", headers=asked)).status_code == 400


async def a_preflight_for_a_header_that_is_not_allowed(victim: Victim) -> None:
    asked = {
        "origin": "http://localhost:4200",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-of-their-own",
    }
    assert (await victim.http.options("/incr", headers=asked)).status_code == 400


async def what_is_no_http(victim: Victim) -> None:
    assert (await _sent(victim.node, b"GET / NONSENSE\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def an_ended_session(victim: Victim) -> None:
    async with http_client(victim.node.url) as client:
        await client.post("/incr")
        cookie = cookie_header(client)
        await client.post("/logout")
    async with http_client(victim.node.url, cookie=cookie) as late:
        assert problem(await late.get("/session")) == (409, "session-ended")


async def an_unknown_socket(victim: Victim) -> None:
    assert (await victim.http.get(f"{HANDSHAKE}&sid=made-up")).status_code == 400


async def two_polls_at_once(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie) as polling:
        await polling.join()
        polls = [polling.client.get(polling.address) for _ in range(2)]
        statuses = [answer.status_code for answer in await asyncio.gather(*polls)]
        assert sorted(statuses) == [200, 400]


async def jsonp(victim: Victim) -> None:
    assert (await victim.http.get(f"{HANDSHAKE}&j=0")).status_code == 400


async def an_unknown_transport(victim: Victim) -> None:
    answer = await victim.http.get("/socket.io/?EIO=4&transport=carrier-pigeon")
    assert answer.status_code == 400


async def an_old_version(victim: Victim) -> None:
    assert (await victim.http.get("/socket.io/?EIO=3&transport=polling")).status_code == 400


async def a_method_that_engines_do_not_have(victim: Victim) -> None:
    assert (await victim.http.delete(f"{HANDSHAKE}&sid=made-up")).status_code in (400, 405)


async def an_upgrade_that_is_none(victim: Victim) -> None:
    assert (await victim.http.get("/socket.io/?EIO=4&transport=websocket")).status_code == 400


async def a_websocket_without_a_key(victim: Victim) -> None:
    head = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    target = b"/socket.io/?EIO=4&transport=websocket"
    answer = await _sent(victim.node, b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (target, head))
    assert answer.startswith(b"HTTP/1.1 4")


async def a_post_that_is_no_payload(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie, leave=False) as polling:
        assert (await polling.post("no packet")).status_code == 400


async def two_posts_at_once(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie, leave=False) as polling:
        await polling.join()
        never = asyncio.create_task(polling.client.post(polling.address, content=_never_ends()))
        await eventually(lambda: _is_overlapped(polling))
        never.cancel()


async def _never_ends() -> AsyncIterator[bytes]:
    yield b"4"
    await asyncio.get_running_loop().create_future()


async def _is_overlapped(polling: RawPolling) -> bool:
    """Return True if one of both was refused: this one, or the other, with which the socket was closed."""
    return (await polling.post("6")).status_code == 400


async def a_thousand_pongs_that_nobody_asked_for(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        for _ in range(IDLE_PACKETS + 1):
            await socket.send("3")
        await socket.frames_until_closed()
        assert socket.close_code == 1008


async def a_frame_of_no_kind(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        socket._connection.transport.write(b"\x83\x80\0\0\0\0")
        await socket.frames_until_closed()
        assert socket.close_code == 1002


async def a_text_that_is_no_text(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        await socket.send(b"42[\xff]", text=True)
        await socket.frames_until_closed()
        assert socket.close_code == 1007


async def a_frame_that_is_no_packet(victim: Victim) -> None:
    for frame in ("no packet", "4no packet", "45-no packet"):
        async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
            await socket.join()
            await socket.send(frame)
            await socket.frames_until_closed()


async def a_namespace_that_is_not_there(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        assert (await socket.join("/nowhere")).startswith("44/nowhere")


async def an_unknown_event(victim: Victim) -> None:
    await _refused_event(victim, "no such event", of="unknown-event")


async def an_event_with_wrong_arguments(victim: Victim) -> None:
    await _refused_event(victim, "incr", "too much", of="invalid-payload")


async def what_is_no_idempotency_key(victim: Victim) -> None:
    answer = await victim.http.post("/incr", headers={"idempotency-key": "short"})
    assert problem(answer) == (400, "invalid-idempotency-key")


async def an_idempotency_key_without_a_session(victim: Victim) -> None:
    async with http_client(victim.node.url) as stranger:
        answer = await stranger.post("/incr", headers={"idempotency-key": "key of a stranger"})
    assert problem(answer) == (400, "idempotency-needs-session")


async def an_idempotency_key_of_another_request(victim: Victim) -> None:
    for path, status in (("/incr", 200), ("/incr?x=1", 422)):
        answer = await victim.http.post(path, headers={"idempotency-key": "key of a request"})
        assert answer.status_code == status


Cause = Callable[[Victim], Awaitable[None]]

CAUSES: dict[Refusal, tuple[Cause, ...]] = {
    Refusal.FOREIGN_ORIGIN: (a_foreign_page,),
    Refusal.CROSS_SITE_REQUEST: (an_unsafe_request_of_a_foreign_page,),
    Refusal.PREFLIGHT: (
        a_preflight_of_a_foreign_page,
        a_preflight_for_a_header_that_is_not_allowed,
    ),
    Refusal.INVALID_HTTP: (what_is_no_http,),
    Refusal.BODY_TOO_LARGE: (a_large_body,),
    Refusal.SESSION_TOO_LARGE: (too_much_data_by_a_request,),
    Refusal.SESSION_ENDED: (an_ended_session,),
    Refusal.INVALID_IDEMPOTENCY_KEY: (what_is_no_idempotency_key,),
    Refusal.IDEMPOTENCY_NEEDS_SESSION: (an_idempotency_key_without_a_session,),
    Refusal.IDEMPOTENCY_KEY_REUSED: (an_idempotency_key_of_another_request,),
    Refusal.TOO_MANY_SOCKETS: (too_many_sockets_of_one_session,),
    Refusal.NOT_YOUR_SOCKET: (a_thief_of_an_engine_id,),
    Refusal.UNKNOWN_SOCKET: (an_unknown_socket,),
    Refusal.OVERLAPPING_POLLS: (two_polls_at_once,),
    Refusal.OVERLAPPING_POSTS: (two_posts_at_once,),
    Refusal.TOO_MANY_IDLE_PACKETS: (a_thousand_pongs_that_nobody_asked_for,),
    Refusal.JSONP: (jsonp,),
    Refusal.UNKNOWN_TRANSPORT: (an_unknown_transport,),
    Refusal.UNSUPPORTED_VERSION: (an_old_version,),
    Refusal.BAD_METHOD: (a_method_that_engines_do_not_have,),
    Refusal.BAD_UPGRADE: (an_upgrade_that_is_none,),
    Refusal.BAD_HANDSHAKE: (a_websocket_without_a_key,),
    Refusal.BAD_PAYLOAD: (a_post_that_is_no_payload,),
    Refusal.FRAME_TOO_LARGE: (a_large_frame,),
    Refusal.BAD_FRAME: (a_frame_of_no_kind, a_text_that_is_no_text),
    Refusal.BAD_PACKET: (a_frame_that_is_no_packet,),
    Refusal.CONNECT_TIMEOUT: (a_websocket_that_never_asks_for_the_namespace,),
    Refusal.SLOW_CLIENT: (a_poller_that_does_not_poll,),
    Refusal.INVALID_NAMESPACE: (a_namespace_that_is_not_there,),
    Refusal.UNKNOWN_EVENT: (an_unknown_event,),
    Refusal.INVALID_PAYLOAD: (an_event_with_wrong_arguments,),
}
"""What is refused on a node in good order, and who causes it."""

ON_A_NODE_OF_ITS_OWN = {
    Refusal.STORE_UNAVAILABLE,
    Refusal.STORE_FULL,
    Refusal.SHUTTING_DOWN,
    Refusal.TOO_MANY_REQUESTS,
    Refusal.INVALID_TOKEN,
    Refusal.CONNECT_REFUSED,
}


IN_PROCESS = {
    Refusal.UPGRADE_ELSEWHERE: "e2e/test_p22_any_balancer.py: it takes two nodes",
    Refusal.RATE_LIMITED: "realtime/test_event_limits.py: it takes an event with a limit",
    Refusal.TOO_MANY_EVENTS: "realtime/test_service.py: a node reads no more long before",
    Refusal.REQUEST_UNDER_WAY: "http/test_idempotency.py: it takes a slow route",
    Refusal.OUTCOME_UNKNOWN: "http/test_idempotency.py: it takes 30 s",
    Refusal.TOO_MANY_STREAMS: "streams/test_stream_ends.py: it takes a hundred streams",
    Refusal.TOO_MANY_IDEMPOTENCY_KEYS: "http/test_idempotency.py: it takes a thousand keys",
    Refusal.SLOW_BODY: "realtime/test_engine_app.py, server/test_stalled_clients.py: it takes 20 s",
    Refusal.TOO_MANY_PIPELINED_REQUESTS: "server/test_stalled_clients.py: it takes four megabytes",
    Refusal.UNREAD_RESPONSE: "server/test_stalled_clients.py: it takes 30 s",
    Refusal.INVALID_LOGOUT_TOKEN: "users/test_backchannel_logout.py: it takes a provider",
    Refusal.PROVIDER_UNAVAILABLE: "users/test_backchannel_logout.py: likewise",
}


def test_every_kind_is_caused_by_a_test() -> None:
    assert set(CAUSES) | ON_A_NODE_OF_ITS_OWN | set(IN_PROCESS) == set(Refusal)


@pytest.mark.parametrize("kind", CAUSES)
async def test_each_kind_is_counted_and_logged(world: World, victim: Victim, kind: Refusal) -> None:
    for cause in CAUSES[kind]:
        async with _found(world.node, kind):
            await cause(victim)


async def test_what_is_refused_in_an_outage(own_store_server: StoreServer) -> None:
    settings = server_settings(own_store_server)
    async with service(**settings) as node, http_client(node.url) as client:
        await client.post("/incr")
        async with raw_websocket(node.url, cookie=cookie_header(client)) as socket:
            await socket.join()
            own_store_server.stop()

            for _ in range(3):
                async with _found(node, Refusal.STORE_UNAVAILABLE):
                    answer = await client.get("/session")
                assert problem(answer) == (503, "store-unavailable")
            async with _found(node, Refusal.STORE_UNAVAILABLE):
                await socket.emit("incr", ack=1)
                assert "store-unavailable" in await socket.receive_until("431")
            assert (await refused_websocket(node.url)).status_code == 503
        own_store_server.start()


async def test_a_full_store_is_not_called_an_outage() -> None:
    async with (
        service(module=SMALL_STORE_APP, **memory_settings()) as node,
        http_client(node.url, jarless=True) as client,
    ):
        assert (await client.get("/session")).status_code == 200
        async with _found(node, Refusal.STORE_FULL):
            assert problem(await client.get("/session")) == (503, "store-unavailable")
        assert await _count(node, Refusal.STORE_UNAVAILABLE) == 0


async def test_handshakes_that_a_node_refuses_because_it_stops(any_store: StoreSettings) -> None:
    async with (
        service(**any_store) as node,
        http_client(node.url) as client,
        raw_websocket(node.url),  # it takes a while to close two
        raw_websocket(node.url),
        _found(node, Refusal.SHUTTING_DOWN),
    ):
        node.terminate()
        await eventually(lambda: _is_refused(client))


async def _is_refused(client: httpx.AsyncClient) -> bool:
    return (await client.get(HANDSHAKE)).status_code == 503


async def test_an_address_that_opens_too_many(any_store: StoreSettings) -> None:
    async with (
        service(client_rate=1, **any_store) as node,
        http_client(node.url, jarless=True) as client,
    ):
        await client.get("/session")
        async with _found(node, Refusal.TOO_MANY_REQUESTS):
            assert (await client.get("/session")).status_code == 429
        async with _found(node, Refusal.TOO_MANY_REQUESTS):
            assert (await refused_websocket(node.url)).status_code == 429


async def test_what_is_refused_where_users_sign_in() -> None:
    async with (
        service(app="tests.users.product:app", session_tokens="true", **memory_settings()) as node,
        http_client(node.url) as client,
        raw_websocket(node.url) as socket,
    ):
        async with _found(node, Refusal.INVALID_TOKEN):
            answer = await client.get(HANDSHAKE, headers={"x-session-token": "made-up"})
            assert problem(answer) == (401, "invalid-token")
        async with _found(node, Refusal.CONNECT_REFUSED):
            await socket.send("40/members,")
            assert "sign-in-required" in await socket.receive_until("44/members,")


async def test_a_flood_is_counted_in_full_and_logged_once_a_second(world: World) -> None:
    floods = 300
    async with http_client(world.node.url) as client:
        before = await _count(world.node, Refusal.UNKNOWN_SOCKET)
        with _lines(world.node, Refusal.UNKNOWN_SOCKET) as lines:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for _ in range(floods):
                await client.get(f"{HANDSHAKE}&sid=made-up")
            took = loop.time() - begun
        assert await _count(world.node, Refusal.UNKNOWN_SOCKET) == before + floods
        assert len(lines()) <= took / SECOND + 1

        await asyncio.sleep(SECOND)  # after it a line is due again
        with _lines(world.node, Refusal.UNKNOWN_SOCKET) as lines:
            await client.get(f"{HANDSHAKE}&sid=made-up")
            await eventually(lines)
        (line,) = lines()
        assert int(re.findall(r"unsaid=(\d+)", line)[0]) > 0


async def test_a_line_says_whose_origin_and_session_and_no_id(world: World, victim: Victim) -> None:
    await asyncio.sleep(SECOND)  # after it a line of each kind is due
    async with raw_polling(world.node.url, cookie=victim.cookie) as polling:
        with (
            _lines(world.node, Refusal.NOT_YOUR_SOCKET) as stolen,
            _lines(world.node, Refusal.CROSS_SITE_REQUEST) as foreign,
        ):
            async with http_client(world.node.url) as thief:
                await thief.get("/session")
                await thief.get(polling.address)
            await victim.http.post("/incr", headers=EVIL)
            await eventually(lambda: stolen() and foreign())
        assert re.search(r"session=[0-9a-f]{8}\b", stolen()[0])
        assert "origin=https://evil.test" in foreign()[0]
        assert polling.opened["sid"] not in world.node.log()


@asynccontextmanager
async def _found(node: Service, kind: Refusal) -> AsyncIterator[None]:
    """Fail unless what happens in the block is counted as this kind, and the log has its line."""
    before = await _count(node, kind)
    yield

    async def is_counted() -> bool:
        return await _count(node, kind) > before

    await eventually(is_counted)
    assert _is_in(node.log(), kind), f"no line says {kind}"


@contextmanager
def _lines(node: Service, kind: Refusal) -> Iterator[Callable[[], list[str]]]:
    """The log's lines of a kind, from here on."""
    start = len(node.log())
    yield lambda: [line for line in node.log()[start:].splitlines() if _is_in(line, kind)]


def _is_in(log: str, kind: Refusal) -> bool:
    return re.search(rf"\[info +\] refused: {kind}(?![\w-])", log) is not None


async def _count(node: Service, kind: Refusal) -> int:
    async with http_client(node.url) as client:
        return int(await counted(client, "mooring_refusals_total", kind=str(kind)))


async def _refused_event(victim: Victim, *event: str, of: str) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        await socket.emit(*event, ack=1)
        assert f'"type":"{of}"' in await socket.receive_until("431")


async def _sent(node: Service, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(node.host, node.port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer
