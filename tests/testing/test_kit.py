"""TestApp: requests and sockets in process, on one node and on several."""

import asyncio
import itertools
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket

from app import EventRouter, MemoryStore, Mooring, Settings
from app.mooring import mooring_of
from app.testing import ConnectError, FakeClock, NodeKilledError, TestApp
from tests.testing.product import product


@pytest.fixture
async def test() -> AsyncIterator[TestApp]:
    """One node."""
    async with TestApp(product()) as started:
        yield started


@pytest.fixture
async def two() -> AsyncIterator[TestApp]:
    """Two nodes."""
    async with TestApp(product(), nodes=2) as started:
        yield started


async def test_requests_and_sockets_have_one_session(test: TestApp) -> None:
    ann = test.browser()
    assert (await ann.post("/incr")).json() == 1
    socket = await ann.connect()
    assert await socket.call("incr") == 2
    assert (await ann.post("/incr")).json() == 3


async def test_a_first_contact_by_handshake_gets_a_cookie(test: TestApp) -> None:
    ann = test.browser()
    socket = await ann.connect()
    assert await socket.call("incr") == 1
    assert (await ann.post("/incr")).json() == 2


async def test_browsers_are_visitors_of_their_own(test: TestApp) -> None:
    ann, bob = test.browser(), test.browser()
    await ann.post("/incr")
    assert (await bob.post("/incr")).json() == 1


async def test_no_increment_is_lost_over_two_nodes(two: TestApp) -> None:
    ann = two.browser()
    await ann.post("/incr")
    sockets = [await ann.connect(node=node) for node in (0, 1)]
    elsewhere = two.browser(node=1)
    elsewhere.cookies.update(ann.cookies)
    calls = [each.call("incr") for each in sockets for _ in range(50)]
    posts = [each.post("/incr") for each in (ann, elsewhere) for _ in range(20)]
    by_socket, by_request = await asyncio.gather(asyncio.gather(*calls), asyncio.gather(*posts))
    assert sorted([*by_socket, *(each.json() for each in by_request)]) == list(range(2, 142))


async def test_rooms_reach_over_nodes(two: TestApp) -> None:
    here, there = [await two.browser(node=node).connect() for node in (0, 1)]
    await here.call("join", "deck")
    await there.call("join", "deck")
    await here.call("say", "deck", "ahoy")
    assert await there.expect("said") == "ahoy"
    assert await here.expect("said") == "ahoy"


async def test_each_event_is_expected_once_and_in_order(test: TestApp) -> None:
    socket = await test.browser().connect()
    await socket.call("join", "deck")
    for line in "abcd":
        socket.emit("say", "deck", line)
    assert [await socket.expect("said") for _ in "ab"] == ["a", "b"]
    assert await socket.expect("said", lambda line: line == "d") == "d"
    with pytest.raises(AssertionError, match=r"waited 0\.05 s for 'said'; it is connected"):
        await socket.expect("said", within=0.05)
    assert socket.received == [("welcome", "you"), *(("said", each) for each in "abcd")]


async def test_an_error_ack_and_bytes_come_as_they_are(test: TestApp) -> None:
    socket = await test.browser().connect()
    assert await socket.call("echo", b"\x00\xff") == b"\x00\xff"
    answer = await socket.call("say", "deck", "ahoy")
    assert answer == {"error": {"type": "not-in-room", "detail": "join deck first"}}


async def test_a_socket_answers_what_it_is_asked(test: TestApp) -> None:
    ann = test.browser()
    socket = await ann.connect()
    socket.answers["question"] = lambda number: number * 7
    assert (await ann.get(f"/ask/{socket.sid}")).json() == 42


async def test_a_refused_namespace_says_why(test: TestApp) -> None:
    with pytest.raises(ConnectError, match="Invalid namespace"):
        await test.browser().connect("/nowhere")


async def test_a_logout_disconnects_on_all_nodes(two: TestApp) -> None:
    ann = two.browser()
    sockets = [await ann.connect(node=node) for node in (0, 1)]
    assert (await ann.post("/logout")).status_code == 204
    for socket in sockets:
        assert await socket.disconnected() == "io server disconnect"
        assert await socket.expect("session ended") == {"reason": "logout"}
        with pytest.raises(ConnectionResetError):
            socket.emit("incr")


async def test_the_ends_of_a_socket_have_the_names_of_the_javascript_client(test: TestApp) -> None:
    ann = test.browser()
    left, cut = await ann.connect(), await ann.connect()
    left.disconnect()
    assert await left.disconnected() == "io client disconnect"
    cut.cut()
    assert await cut.disconnected() == "transport close"
    await test.settle()
    assert test.app.state.log == ["left", "left"]


async def test_a_session_expires_when_the_clock_says_so() -> None:
    async with TestApp(product(session_idle_timeout=1800, session_activity="http")) as test:
        ann = test.browser()
        assert (await ann.post("/incr")).json() == 1
        socket = await ann.connect()
        await test.clock.advance(1795)
        assert socket.connected
        await test.clock.advance(6)
        assert await socket.expect("session ended") == {"reason": "expired"}
        assert await socket.disconnected() == "transport close"
        assert (await ann.post("/incr")).json() == 1


async def test_a_session_that_is_gone_without_notice_is_found_at_the_next_reload() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock.time)
    async with TestApp(product(session_reload_interval=30), clock=clock, store=store) as test:
        ann = test.browser()
        socket = await ann.connect()
        assert await socket.call("incr") == 1
        [key] = store._entries
        await store.delete(key)
        await test.settle()
        assert socket.connected
        await clock.advance(31)
        assert await socket.disconnected() == "transport close"


async def test_heartbeats_are_answered_while_the_clock_moves(test: TestApp) -> None:
    deaf, well = await test.browser().connect(), await test.browser().connect()
    deaf.answers_pings = False
    await test.clock.advance(25 + 19)
    assert deaf.connected
    await test.clock.advance(2)
    assert await deaf.disconnected() == "transport close"
    await test.clock.advance(600)
    assert well.connected
    assert await well.call("incr") == 1


async def test_who_comes_back_within_the_window_has_missed_nothing(test: TestApp) -> None:
    ann, bob = test.browser(), test.browser()
    await ann.post("/login/ann")
    socket = await ann.connect("/kept")
    await bob.post("/say/ann/one")
    assert (await socket.expect("said"))[0] == "one"
    socket.cut()
    await bob.post("/say/ann/two")
    await test.clock.advance(100)
    await socket.reconnect()
    assert socket.recovered
    assert (await socket.expect("said"))[0] == "two"


async def test_who_comes_back_too_late_is_told_so(test: TestApp) -> None:
    ann = test.browser()
    await ann.post("/login/ann")
    socket = await ann.connect("/kept")
    socket.cut()
    await test.clock.advance(125)
    await socket.reconnect()
    assert not socket.recovered


@pytest.mark.parametrize("away", [9, 15])
async def test_the_window_is_that_of_the_settings(away: float) -> None:
    async with TestApp(product(recovery_window=10)) as test:
        ann = test.browser()
        await ann.post("/login/ann")
        socket = await ann.connect("/kept")
        socket.cut()
        await test.clock.advance(away)
        await socket.reconnect()
        assert socket.recovered == (away < 10)


async def test_users_come_and_go_once_over_all_nodes(two: TestApp) -> None:
    ann = two.browser()
    await ann.post("/login/ann")
    here, there = [await ann.connect(node=node) for node in (0, 1)]
    await two.settle()
    assert two.app.state.log == ["ann is here"]
    here.disconnect()
    await two.clock.advance(5)
    assert two.app.state.log == ["ann is here", "left"]
    there.disconnect()
    await two.clock.advance(5)
    assert two.app.state.log == ["ann is here", "left", "left", "ann has gone"]


async def test_a_killed_node_notifies_nobody_and_others_go_on(two: TestApp) -> None:
    ann = two.browser(node=1)
    await ann.post("/login/ann")
    socket = await ann.connect()
    two.nodes[1].kill()
    assert await socket.disconnected() == "transport close"
    with pytest.raises(httpx.ConnectError):
        await ann.post("/incr")
    with pytest.raises(NodeKilledError):
        await socket.reconnect()
    await two.settle()
    assert "left" not in two.app.state.log
    ann.on = 0
    await socket.reconnect()
    assert await socket.call("incr") == 1
    assert (await ann.post("/end/ann")).json() == 1
    assert await socket.disconnected() == "io server disconnect"


async def test_a_users_sockets_on_a_killed_node_have_gone(two: TestApp) -> None:
    ann = two.browser(node=1)
    await ann.post("/login/ann")
    await ann.connect()
    two.nodes[1].kill()
    await two.settle()
    assert two.app.state.log == ["ann is here", "ann has gone"]


async def test_a_request_under_way_at_a_kill_gets_no_answer(two: TestApp) -> None:
    two.nodes[1].hang()
    request = asyncio.create_task(two.browser(node=1).post("/incr"))
    await asyncio.sleep(0)
    two.nodes[1].kill()
    with pytest.raises(httpx.ReadError):
        await request


@pytest.mark.parametrize("hangs", [False, True], ids=["that ran", "that hung"])
async def test_the_end_of_a_test_cancels_what_a_killed_node_was_about_in_silence(
    caplog: pytest.LogCaptureFixture, hangs: bool
) -> None:
    app = product()

    @app.get("/wait/{seconds}")
    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async with TestApp(app) as test:
        if hangs:
            test.nodes[0].hang()
        request = asyncio.create_task(test.browser().get(f"/wait/{0 if hangs else 60}"))
        await test.settle()
        test.nodes[0].kill()
        with pytest.raises(httpx.ReadError):
            await request
    assert caplog.messages == []


async def test_requests_and_websockets_have_the_state_of_the_lifespan_of_their_node() -> None:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
        yield {"number": next(numbers)}

    numbers = itertools.count()
    app = FastAPI(lifespan=lifespan)
    Mooring(app, Settings(session_secrets=["x" * 32]))

    @app.get("/number")
    async def number(request: Request) -> int:
        found: int = request.state.number
        request.state.number = "of this request alone"
        return found

    @app.websocket("/number")
    async def say_number(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.state.number)
        await websocket.close()

    async with TestApp(app, nodes=2) as test:
        for node in (0, 1, 0):
            browser = test.browser(node=node)
            assert (await browser.get("/number")).json() == node
            assert await (await browser.websocket("/number")).receive() == str(node)


async def test_a_client_gives_up_a_node_that_hangs_for_longer_than_its_heartbeats(
    two: TestApp,
) -> None:
    ann = two.browser(node=1)
    socket, elsewhere = await ann.connect(), await ann.connect(node=0)
    two.nodes[1].hang()
    await two.clock.advance(44)
    assert socket.connected
    await two.clock.advance(2)
    assert await socket.disconnected() == "ping timeout"
    assert elsewhere.connected
    await socket.reconnect(node=0)
    assert await socket.call("incr") == 1
    two.nodes[1].resume()
    await two.settle()
    assert two.app.state.log == ["left"]


async def test_what_has_not_connected_says_so(two: TestApp) -> None:
    two.nodes[1].hang()
    with pytest.raises(AssertionError, match="it is not connected yet, and has received"):
        await two.browser(node=1).connect(within=0.05)


async def test_a_node_that_waits_for_itself_is_told_so(two: TestApp) -> None:
    for waits in (two.settle(), two.clock.advance(1)):
        with pytest.raises(RuntimeError, match="for the test, not for what runs on a node"):
            await two.nodes[0].call(waits)


async def test_a_node_that_hangs_goes_on_where_it_was(two: TestApp) -> None:
    ann = two.browser(node=1)
    socket = await ann.connect()
    two.nodes[1].hang()
    with pytest.raises(AssertionError, match="an ack of 'incr'"):
        await socket.call("incr", within=0.05)
    assert (await two.browser().post("/incr")).json() == 1
    two.nodes[1].resume()
    assert await socket.call("incr") == 2


@pytest.mark.parametrize("verb", ["hang", "kill"])
async def test_a_fault_that_is_asked_for_on_a_node_is_refused(two: TestApp, verb: str) -> None:
    async def ask() -> None:
        getattr(two.nodes[1], verb)()

    with pytest.raises(RuntimeError, match=rf"{verb}\(\) of a node is for the test"):
        await two.nodes[0].call(ask())
    assert two.nodes[1].alive
    assert not two.nodes[1].hung


@pytest.mark.parametrize("nodes", [(0, 1), (1, 0)])
async def test_settle_sees_all_that_was_sent(two: TestApp, nodes: tuple[int, int]) -> None:
    here, there = [await two.browser(node=node).connect() for node in nodes]
    for each in (here, there):
        await each.call("join", "deck")
    for number in range(20):
        here.emit("say", "deck", str(number))
    await two.settle()
    for each in (here, there):
        assert each.received[1:] == [("said", str(number)) for number in range(20)]


@pytest.mark.parametrize("verb", ["hang", "kill"])
@pytest.mark.parametrize("turns", range(6))
async def test_settle_waits_for_no_node_that_is_made_to_hang_or_killed_meanwhile(
    two: TestApp, verb: str, turns: int
) -> None:
    settling = asyncio.create_task(two.settle())
    for _ in range(turns):
        await asyncio.sleep(0)
    getattr(two.nodes[1], verb)()
    await asyncio.wait_for(settling, 5.0)


async def test_the_apps_own_error_is_raised_or_answered() -> None:
    app = product()
    async with TestApp(app) as test:
        with pytest.raises(RuntimeError, match="the app's own error"):
            await test.browser().get("/fails")
    async with TestApp(app, raise_app_exceptions=False) as test:
        assert (await test.browser().get("/fails")).status_code == 500


async def test_an_app_that_does_not_start_fails_the_test_and_leaves_no_thread() -> None:
    app = product()

    async def refuse() -> None:
        raise RuntimeError("no database")

    app.router.on_startup.append(refuse)
    with pytest.raises(RuntimeError, match="no database"):
        async with TestApp(app):
            raise AssertionError("it has started")
    assert not [each for each in threading.enumerate() if each.name == "mooring node"]


async def test_each_test_app_begins_with_nothing() -> None:
    app = product()
    for _ in range(2):
        async with TestApp(app) as test:
            ann = test.browser()
            assert (await ann.post("/incr")).json() == 1


async def test_a_clock_does_not_go_back() -> None:
    clock = FakeClock()
    before = clock.time()
    with pytest.raises(ValueError, match="back"):
        await clock.advance(-1)
    await clock.advance(3600)
    assert 3600 <= clock.time() - before < 3610


def test_it_works_in_one_event_loop_after_another() -> None:
    app = product()

    async def story() -> int:
        async with TestApp(app) as test:
            socket = await test.browser().connect()
            count: int = await socket.call("incr")
            return count

    assert [asyncio.run(story()) for _ in range(2)] == [1, 1]


async def test_settle_follows_what_goes_to_and_fro_between_nodes(two: TestApp) -> None:
    hops: list[int] = []

    def hop() -> None:
        hops.append(len(hops) % 2)
        if len(hops) < 100:
            two.nodes[len(hops) % 2].loop.call_soon_threadsafe(hop)

    two.nodes[0].loop.call_soon_threadsafe(hop)
    await two.settle()
    assert hops == [0, 1] * 50


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take over from each other all the time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("eager_threads")
async def test_nodes_take_turns_so_that_none_interrupts_another() -> None:
    app = product()
    app.state.count = 0

    @app.post("/count")
    async def count() -> None:
        before = app.state.count
        for _ in range(100_000):
            pass
        app.state.count = before + 1

    async with TestApp(app, nodes=3) as test:
        browsers = [test.browser(node=node) for node in range(3)]
        await asyncio.gather(*(each.post("/count") for each in browsers for _ in range(10)))
    assert app.state.count == 30


@pytest.mark.usefixtures("eager_threads")
async def test_a_busy_node_runs_no_turn_after_it_was_made_to_hang(test: TestApp) -> None:
    turns = 0

    async def keep_busy() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    [node] = test.nodes
    busy = asyncio.run_coroutine_threadsafe(keep_busy(), node.loop)
    for _ in range(300):
        node.hang()
        before = turns
        await asyncio.sleep(0.0005)
        assert turns == before
        node.resume()
        await asyncio.sleep(0)
    busy.cancel()
    assert turns > 300


async def test_plain_functions_run_in_threads(two: TestApp) -> None:
    for node in (0, 1):
        ann = two.browser(node=node)
        assert (await ann.get("/plain")).json() == "by a plain function"
        assert await (await ann.connect()).call("plain") == "by a plain function"


async def test_a_test_that_fails_leaves_no_thread() -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - what the test does before it fails
        async with TestApp(product(), nodes=3) as test:
            ann = test.browser(node=1)
            await ann.connect()
            test.nodes[1].hang()
            request = asyncio.create_task(ann.post("/incr"))
            await asyncio.sleep(0)
            test.nodes[2].kill()
            raise ZeroDivisionError
    assert (await request).json() == 1
    assert not [each for each in threading.enumerate() if each.name == "mooring node"]


async def test_a_node_that_does_not_stop_well_keeps_no_other_from_it() -> None:
    app = product()

    async def fail() -> None:
        raise RuntimeError("not closed")

    app.router.on_shutdown.append(fail)
    with pytest.raises(RuntimeError, match="not closed"):
        async with TestApp(app, nodes=2):
            pass
    assert not [each for each in threading.enumerate() if each.name == "mooring node"]


@pytest.mark.parametrize("error", [SystemExit("no database"), KeyboardInterrupt("no database")])
async def test_what_would_end_a_process_is_raised_in_the_test_and_ends_no_node(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    app = product()
    events = EventRouter()

    @app.get("/leave")
    @events.on("leave")
    async def leave() -> None:
        raise error

    mooring_of(app).include_router(events)
    async with TestApp(app, nodes=2) as test:
        ann = test.browser()
        with pytest.raises(type(error), match="no database"):
            await ann.get("/leave")
        socket = await ann.connect()
        socket.emit("leave")
        await test.settle()
        assert await socket.call("incr") == 1
    assert caplog.text.count("what on a port ends the process") == 2


@pytest.mark.parametrize("when", ["on_startup", "on_shutdown"])
async def test_a_lifespan_that_would_end_a_process_fails_the_test_and_leaves_no_thread(
    when: str,
) -> None:
    app = product()

    async def leave() -> None:
        sys.exit("no database")

    getattr(app.router, when).append(leave)
    with pytest.raises(SystemExit, match="no database"):
        async with TestApp(app, nodes=2):
            assert when == "on_shutdown"
    assert not [each for each in threading.enumerate() if each.name == "mooring node"]


async def test_a_test_that_gives_up_waiting_leaves_the_socket_usable(test: TestApp) -> None:
    socket = await test.browser().connect()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await socket.expect("never")
    assert await socket.call("incr") == 1


async def test_what_was_asked_for_begins_before_the_clock_moves() -> None:
    app = product()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(3600)
        return "an hour later"

    async with TestApp(app) as test:
        request = asyncio.create_task(test.browser().get("/slow"))
        await test.clock.advance(3600.5)
        async with asyncio.timeout(5):
            assert (await request).json() == "an hour later"


async def test_a_limit_of_events_goes_by_the_clock() -> None:
    async with TestApp(product()) as test:
        socket = await test.browser().connect()
        answers = [await socket.call("rare") for _ in range(2)]
        assert answers[0] is None
        assert answers[1]["error"]["type"] == "rate-limited"
        await test.clock.advance(61)
        assert await socket.call("rare") is None
