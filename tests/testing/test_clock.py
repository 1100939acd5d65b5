"""What goes by the clock of a TestApp: limits, and whether a node was stopped."""

from collections.abc import AsyncIterator

import pytest

from app import MemoryStore
from app.testing import FakeClock, TestApp
from tests.testing.product import product

STOPPED = "this node was stopped: its sessions are looked at first"


@pytest.fixture
def store() -> MemoryStore:
    """The store of both nodes; what is deleted in it ends without notice."""
    return MemoryStore()


@pytest.fixture
async def two(store: MemoryStore) -> AsyncIterator[TestApp]:
    """Two nodes."""
    async with TestApp(product(), nodes=2, store=store) as started:
        yield started


async def test_a_node_that_hung_for_a_while_checks_before_it_sends(
    two: TestApp, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    ann = two.browser(node=1)
    await ann.post("/login/ann")
    socket = await ann.connect("/kept")
    two.nodes[1].hang()
    for key in list(store._entries):
        await store.delete(key)
    await two.browser().post("/say/ann/late")
    await two.clock.advance(10)

    two.nodes[1].resume()

    assert await socket.disconnected() == "transport close"
    assert [name for name, *_ in socket.received] == ["session ended"]
    assert STOPPED in caplog.messages


async def test_a_node_that_hung_for_a_moment_was_not_stopped(
    two: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    two.nodes[1].hang()
    await two.clock.advance(1)
    two.nodes[1].resume()
    await two.settle()
    await two.clock.advance(5)
    assert STOPPED not in caplog.messages


@pytest.mark.parametrize("seconds", [3, 3600, 30 * 86_400])
async def test_to_move_the_clock_is_no_stop(
    two: TestApp, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    await two.browser().connect()
    await two.clock.advance(seconds)
    assert STOPPED not in caplog.messages


async def test_two_nodes_on_one_clock_hang_at_times_of_their_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    async with TestApp(product(), nodes=2, clock=clock) as two:
        two.nodes[0].hang()
        await clock.advance(3)
        two.nodes[1].hang()
        two.nodes[0].resume()
        await clock.advance(1)
        two.nodes[1].resume()
        await clock.advance(1)
    seconds = [vars(each)["seconds"] for each in caplog.records if each.getMessage() == STOPPED]
    assert seconds == [pytest.approx(3, abs=1)]


async def test_a_limit_of_addresses_goes_by_the_clock_and_each_test_app_begins_anew() -> None:
    app = product(client_rate=2)
    for _ in range(2):
        async with TestApp(app) as test:
            assert [(await test.browser().post("/incr")).status_code for _ in range(3)] == [
                *(200, 200),
                429,
            ]
            await test.clock.advance(31)
            assert (await test.browser().post("/incr")).status_code == 200


async def test_packets_that_mean_nothing_are_counted_by_the_clock() -> None:
    async with TestApp(product()) as test:
        socket = await test.browser().connect()
        for _ in range(2):
            for _ in range(900):
                socket._send_frame("3")
            await test.clock.advance(11)
        assert await socket.call("incr") == 1
        for _ in range(1001):
            socket._send_frame("3")
        assert await socket.disconnected() == "transport close"
