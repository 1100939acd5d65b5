"""P22: polling works wherever requests arrive: its node answers as if they had come to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest
import redis

from tests.support.eventually import eventually, stays
from tests.support.gates import gate_of
from tests.support.http import cookie_header, http_client, problem
from tests.support.metrics import counted
from tests.support.raw import RawPolling, refused_websocket
from tests.support.round_robin import polling_over
from tests.support.servers import STORE_SERVERS, StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

EXTENDED_APP = "tests.support.extended_app"
AT_ONCE = 10.0
"""Far less than the time between two heartbeats, after which any poll is answered."""
ENDED = '42["session ended",{"reason":"%s"}]'


@dataclass
class Trio:
    """Three nodes, and where the next requests go; the first one has the sockets."""

    nodes: list[Service]
    turns: list[int] = field(default_factory=list)

    def choose(self, _request: httpx.Request) -> str:
        """The node of the next turn; each after the other where there are none."""
        if not self.turns:
            self.turns = [1, 2, 0]
        return self.nodes[self.turns.pop(0)].url

    @asynccontextmanager
    async def polling(self, *, cookie: str | None = None, **how: bool) -> AsyncIterator[RawPolling]:
        """A socket of the first node, joined; its requests go to each node in turn."""
        self.turns = [0]
        async with polling_over(self.choose, self.nodes[0].url, cookie=cookie, **how) as raw:
            assert (await raw.join()).startswith("40")
            yield raw


@pytest.fixture(scope="module")
def _trios() -> Iterator[Callable[[str], list[Service]]]:
    running: dict[str, list[Service]] = {}
    with ExitStack() as stack:

        def get(kind: str) -> list[Service]:
            if kind not in running:
                server = stack.enter_context(store_server(kind))
                nodes = _three(server, EXTENDED_APP, ping_interval=25, ping_timeout=20)
                running[kind] = stack.enter_context(nodes)
            return running[kind]

        yield get


@pytest.fixture(params=STORE_SERVERS)
def trio(request: pytest.FixtureRequest, _trios: Callable[[str], list[Service]]) -> Iterator[Trio]:
    """Three nodes, shared: none of them may be harmed."""
    nodes = _trios(request.param)
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node.watched())
        yield Trio(nodes)


@pytest.fixture
def own_trio(own_store_server: StoreServer) -> Iterator[Trio]:
    """Three nodes for this test alone."""
    with _three(own_store_server, "app") as nodes:
        yield Trio(nodes)


async def _holds(node: Service, requests: int) -> bool:
    async with http_client(node.url) as http:
        return await counted(http, "mooring_carried_held") == requests


class _three:  # noqa: N801 - a context manager
    """Three running nodes."""

    def __init__(self, server: StoreServer, module: str, **settings: object) -> None:
        self._stack = ExitStack()
        self._settings = {"module": module, **server_settings(server), **settings}

    def __enter__(self) -> list[Service]:
        return [self._stack.enter_context(service(**self._settings)) for _ in range(3)]

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type] # as it came


@pytest.mark.smoke
async def test_posts_and_polls_that_arrive_anywhere_are_handled_in_order(trio: Trio) -> None:
    async with trio.polling() as raw:
        for number in range(30):
            trio.turns.insert(0, number % 3)
            assert (await raw.emit("note", number, ack=number)).text == "ok"
            assert await raw.receive_until(f"43{number}") == f"43{number}[{number}]"

        await raw.emit("peek", ack=99)
        assert (await raw.receive_until("4399")).endswith(
            f'{{"notes":{list(range(30))}}}]'.replace(" ", "")
        )


async def test_a_poll_that_waits_elsewhere_gets_what_is_sent_at_once(trio: Trio) -> None:
    async with trio.polling() as raw, gate_of(trio.nodes[0]) as gate:
        await raw.emit("wait", gate.name, ack=1)
        trio.turns = [1]
        waiting = asyncio.create_task(raw.receive_until("431"))
        await gate.reached_by(1)
        await stays(lambda: not waiting.done(), during=0.2)
        await gate.open()

        assert await asyncio.wait_for(waiting, AT_ONCE) == f'431["{gate.name}"]'


async def test_a_socket_that_is_polled_elsewhere_alone_keeps_its_heartbeat(
    valkey: StoreServer,
) -> None:
    with _three(valkey, EXTENDED_APP) as nodes:
        trio = Trio(nodes)
        async with trio.polling() as raw:
            for _ in range(3):
                trio.turns = [1, 2]
                assert (await raw.poll()).text == "2"
                assert (await raw.post("3")).text == "ok"
            trio.turns = [1, 2, 1]
            await raw.emit("peek", ack=5)
            assert await raw.receive_until("435") == "435[{}]"


@pytest.mark.parametrize("where", [1, 0], ids=["elsewhere", "at its own node"])
async def test_large_bodies_come_and_go_whole_and_compressed_where_the_client_takes_it(
    trio: Trio, where: int
) -> None:
    async with trio.polling() as raw:
        trio.turns = [where] * 9
        big = "x" * 200_000
        await raw.post(*[f'42{number}["echo","{big}"]' for number in range(4)])
        posted = await raw.emit("write", "big", 20_000, ack=8)
        assert posted.text == "ok"
        await raw.receive_until("438")
        await raw.emit("peek", ack=9)
        trio.turns = [where] * 9
        answer = await raw.poll()

        assert answer.text == f'439[{{"big":"{"x" * 20_000}"}}]'
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "Cookie" in answer.headers["vary"]


@pytest.mark.parametrize("thief", ["another user", "nobody", "a made-up cookie"])
async def test_a_victims_engine_id_is_of_no_use_elsewhere_either(trio: Trio, thief: str) -> None:
    async with http_client(trio.nodes[1].url) as other:
        await other.get("/session")
        cookies = {
            "another user": cookie_header(other),
            "nobody": None,
            "a made-up cookie": "session=" + "A" * 43 + "." + "A" * 43,
        }
        async with trio.polling() as victim:
            async with http_client(trio.nodes[1].url, cookie=cookies[thief]) as thief_of:
                assert problem(await thief_of.get(victim.address)) == (403, "not-your-socket")
                posted = await thief_of.post(victim.address, content='421["peek"]')
                assert problem(posted) == (403, "not-your-socket")

            trio.turns = [2, 1]
            await victim.emit("peek", ack=1)
            assert await victim.receive_until("431") == "431[{}]"


async def test_a_client_without_a_jar_is_served_elsewhere_until_its_cookie_is_presented(
    trio: Trio,
) -> None:
    async with trio.polling(jarless=True, leave=False) as raw:
        assert raw.handshake is not None
        cookie = raw.handshake.headers["set-cookie"].partition(";")[0]
        trio.turns = [1, 2]
        await raw.emit("peek", ack=1)
        assert await raw.receive_until("431") == "431[{}]"

        async with http_client(trio.nodes[1].url, cookie=cookie) as somebody:
            assert problem(await somebody.get(raw.address)) == (403, "not-your-socket")
        trio.turns = [2]
        assert problem(await raw.poll()) == (400, "unknown-socket")


@pytest.mark.parametrize("second", [0, 1, 2])
async def test_a_second_poll_is_refused_and_ends_the_socket_wherever_it_arrives(
    trio: Trio, second: int
) -> None:
    async with trio.polling(leave=False) as raw:
        trio.turns = [1]
        first = asyncio.create_task(_poll_past_pings(raw, trio, 1))
        await eventually(partial(_holds, trio.nodes[1], 1))
        trio.turns = [second]

        assert problem(await raw.poll()) == (400, "overlapping-polls")
        assert (await first).status_code in (200, 400)
        trio.turns = [2]
        assert problem(await raw.poll()) == (400, "unknown-socket")


async def _poll_past_pings(raw: RawPolling, trio: Trio, node: int) -> httpx.Response:
    return await raw.client.get(trio.nodes[node].url + raw.address)


async def test_a_poll_that_is_called_off_elsewhere_ends_the_socket_and_leaves_nothing(
    trio: Trio,
) -> None:
    async with trio.polling(leave=False) as raw:
        trio.turns = [1]
        polling = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, trio.nodes[1], 1))
        polling.cancel()

        await eventually(partial(_holds, trio.nodes[1], 0))
        await eventually(partial(_is_unknown, raw, trio))


async def _is_unknown(raw: RawPolling, trio: Trio) -> bool:
    trio.turns = [2]
    answer = await raw.post("3")
    return answer.status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize("node", ["0" * 16, "not-a-node", "x" * 65, "a/b", "\N{SNOWMAN}"])
async def test_an_id_that_names_no_node_is_unknown_at_once(trio: Trio, node: str) -> None:
    async with http_client(trio.nodes[0].url) as http:
        params = {"EIO": "4", "transport": "polling", "sid": f"{node}.{'A' * 22}"}
        answer = await asyncio.wait_for(http.get("/socket.io/", params=params), AT_ONCE)

        assert problem(answer) == (400, "unknown-socket")


async def test_an_upgrade_that_arrives_elsewhere_is_refused_and_counted(trio: Trio) -> None:
    async with trio.polling() as raw, http_client(trio.nodes[1].url) as http:
        count = partial(counted, http, "mooring_refusals_total", kind="upgrade-elsewhere")
        before = await count()
        query = f"&sid={raw.opened['sid']}"
        refused = await refused_websocket(
            trio.nodes[1].url, cookie=cookie_header(raw.client), query=query
        )

        assert refused.status_code == 400
        assert await count() == before + 1
        trio.turns = [1, 2]
        await raw.emit("peek", ack=1)
        assert await raw.receive_until("431") == "431[{}]"


@pytest.mark.parametrize(
    "body", ["8nonsense", "\x1e", "4" + "2" * 2_000_000], ids=["bad", "empty", "large"]
)
async def test_a_post_that_is_none_is_refused_as_at_its_own_node(trio: Trio, body: str) -> None:
    answers = []
    for node in (0, 1):
        async with trio.polling(leave=False) as raw:
            trio.turns = [node, node, 2]
            posted = await raw.post(body)
            await raw.post(
                '421["peek"]'
            )  # whose ack the poll returns, if the socket is there still
            polled = await raw.client.get(trio.nodes[node].url + raw.address)
            answers.append((problem(posted), polled.status_code))
            if polled.status_code == httpx.codes.OK:
                await raw.post("1")

    assert answers[0] == answers[1]


async def test_a_logout_reaches_a_socket_that_is_polled_elsewhere(trio: Trio) -> None:
    async with trio.polling(leave=False) as raw:
        trio.turns = [1]
        polling = asyncio.create_task(_until_the_end(raw, trio))
        await eventually(partial(_holds, trio.nodes[1], 1))
        logged_out = await raw.client.post(trio.nodes[0].url + "/logout")
        assert logged_out.status_code == httpx.codes.NO_CONTENT

        packets = await asyncio.wait_for(polling, AT_ONCE)
        assert packets == [ENDED % "logout", "41", "1"]


async def _until_the_end(raw: RawPolling, trio: Trio) -> list[str]:
    packets: list[str] = []
    while "1" not in packets:
        trio.turns = [1 + len(packets) % 2]
        answer = await raw.poll()
        assert answer.status_code == httpx.codes.OK
        packets += [each for each in answer.text.split("\x1e") if each not in ("2", "6")]
    return packets


async def test_the_end_of_its_time_reaches_a_socket_that_is_polled_elsewhere(
    valkey: StoreServer,
) -> None:
    with _three(valkey, "app", session_idle_timeout=2) as nodes:
        trio = Trio(nodes)
        async with trio.polling(leave=False) as raw:
            packets = await asyncio.wait_for(_until_the_end(raw, trio), AT_ONCE)

            assert packets == [ENDED % "expired", "1"]


async def test_when_its_node_is_killed_a_poll_elsewhere_is_answered_at_once(own_trio: Trio) -> None:
    async with own_trio.polling(leave=False) as raw:
        own_trio.turns = [1]
        waiting = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_trio.nodes[0].kill()
        began = time.monotonic()

        assert problem(await waiting) == (400, "unknown-socket")
        assert time.monotonic() - began < 3.0
        for node in (1, 2):
            began = time.monotonic()
            own_trio.turns = [node]
            assert problem(await raw.poll()) == (400, "unknown-socket")
            assert time.monotonic() - began < 1.0


async def test_when_its_node_stops_running_the_client_is_told_within_some_seconds(
    own_trio: Trio,
) -> None:
    async with own_trio.polling(leave=False) as raw:
        own_trio.turns = [1]
        waiting = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_trio.nodes[0].pause()
        try:
            assert problem(await asyncio.wait_for(waiting, AT_ONCE)) == (400, "unknown-socket")
        finally:
            own_trio.nodes[0].resume()
        await eventually(partial(_is_unknown, raw, own_trio))


async def test_when_the_node_that_holds_a_poll_is_killed_the_socket_ends_with_it(
    own_trio: Trio,
) -> None:
    async with own_trio.polling(leave=False) as raw:
        own_trio.turns = [1]
        waiting = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_trio.nodes[1].kill()
        with pytest.raises(httpx.TransportError):
            await waiting

        await eventually(partial(_is_unknown, raw, own_trio), within=AT_ONCE)


async def test_a_node_that_held_polls_while_it_stood_still_answers_them_afterwards(
    own_trio: Trio,
) -> None:
    async with own_trio.polling(leave=False) as raw:
        own_trio.turns = [1]
        waiting = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_trio.nodes[1].pause()
        await eventually(partial(_is_unknown, raw, own_trio), within=AT_ONCE)
        own_trio.nodes[1].resume()

        answer = await asyncio.wait_for(waiting, AT_ONCE)
        assert answer.status_code in (400, 503)


async def test_a_node_that_stops_hands_its_polls_to_others_and_the_socket_stays(
    own_trio: Trio,
) -> None:
    async with own_trio.polling() as raw:
        own_trio.turns = [1]
        waiting = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_trio.nodes[1].terminate()

        assert (await asyncio.wait_for(waiting, AT_ONCE)).text == "6"
        own_trio.turns = [2, 2, 2, 2]
        await raw.emit("incr", ack=1)
        assert await raw.receive_until("431") == "431[1]"
        own_trio.turns = [2, 2]


async def test_a_node_that_stops_closes_sockets_that_are_polled_elsewhere(
    own_trio: Trio,
) -> None:
    async with own_trio.polling(leave=False) as raw:
        polling = asyncio.create_task(_until_the_end(raw, own_trio))
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_trio.nodes[0].terminate()

        assert await asyncio.wait_for(polling, AT_ONCE) == [ENDED % "shutdown", "1"]


async def test_in_an_outage_posts_get_503_and_polls_wait_for_its_end(
    own_trio: Trio, own_store_server: StoreServer
) -> None:
    async with own_trio.polling() as raw:
        own_trio.turns = [1]
        waiting = asyncio.create_task(raw.poll())
        await eventually(partial(_holds, own_trio.nodes[1], 1))
        own_store_server.pause()
        try:
            own_trio.turns = [2]
            began = time.monotonic()
            assert (await raw.post("3")).status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert time.monotonic() - began < AT_ONCE
        finally:
            own_store_server.resume()
        assert not waiting.done()
        own_trio.turns = [2, 2, 2]
        posted = await eventually(partial(_posts, raw, own_trio))
        assert posted

        assert "431[1]" in (await asyncio.wait_for(waiting, AT_ONCE)).text


async def _posts(raw: RawPolling, trio: Trio) -> bool:
    trio.turns = [2]
    return (await raw.emit("incr", ack=1)).status_code == httpx.codes.OK


def _monitor(server: StoreServer) -> Any:
    client: Any = redis.Redis.from_url(server.url)
    return client.monitor()


async def test_neither_the_sockets_id_nor_the_cookie_is_written_to_the_server(
    valkey: StoreServer,
) -> None:
    with _three(valkey, "app") as nodes, _monitor(valkey) as monitor:
        trio = Trio(nodes)
        async with trio.polling() as raw:
            trio.turns = [1, 2]
            await raw.emit("incr", ack=1)
            assert await raw.receive_until("431") == "431[1]"
            secrets = [raw.opened["sid"].partition(".")[2]]
            secrets += [
                part for each in raw.client.cookies.jar for part in str(each.value).split(".")
            ]
        redis.Redis.from_url(valkey.url).echo("that was all")

        written = []
        while "that was all" not in (command := monitor.next_command()["command"]):
            written.append(command)
    assert any("carried" in each and "XADD" in each for each in written)
    assert not [each for each in written for secret in secrets if secret in each]


async def test_a_page_of_another_origin_is_told_that_it_may_read_what_was_carried(
    trio: Trio,
) -> None:
    origin = {"origin": "http://localhost:4200"}
    async with trio.polling() as raw:
        for node in (0, 1):
            trio.turns = [node] * 3
            await raw.emit("peek", ack=node)
            polled = await raw.client.get(raw.address, headers=origin)

            assert polled.text == f"43{node}[{{}}]"
            assert polled.headers["access-control-allow-origin"] == origin["origin"]
            assert polled.headers["access-control-allow-credentials"] == "true"
        trio.turns = [1]
        foreign = await raw.client.get(raw.address, headers={"origin": "https://evil.test"})
        assert problem(foreign) == (403, "foreign-origin")


async def test_a_client_with_a_token_is_served_elsewhere_by_it_alone(valkey: StoreServer) -> None:
    with _three(valkey, "app", session_tokens="true") as nodes:
        trio = Trio(nodes)
        async with http_client(nodes[0].url, jarless=True) as http:
            opened = await http.get("/session", headers={"x-session-token": ""})
            token = {"x-session-token": opened.headers["x-session-token"]}
        trio.turns = [0]
        async with polling_over(trio.choose, nodes[0].url, jarless=True, leave=False) as raw:
            raw.client.headers.update(token)
            await raw.open()
            trio.turns = [0, 1, 2, 1]
            assert (await raw.join()).startswith("40")
            trio.turns = [1, 2]
            await raw.emit("incr", ack=1)
            assert await raw.receive_until("431") == "431[1]"

            del raw.client.headers["x-session-token"]
            trio.turns = [2]
            assert problem(await raw.poll()) == (403, "not-your-socket")
