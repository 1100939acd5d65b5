"""A deadline that passes while this process does nothing is no failure of the server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvloop import new_event_loop

from app.redis.connection import PipelinedConnection
from app.redis.errors import RedisUnavailableError
from app.redis.stall_grace import LONGEST_SECONDS, STALL_SECONDS, StallGrace
from app.redis.url import TIMEOUT, connect
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

STOP_SECONDS = TIMEOUT + 0.3
LATE_REPLY_SECONDS = 0.15
"""After the stop: a server on a machine that has much to do, or one that was stopped with the node."""


@pytest.fixture
async def connection(own_store_server: StoreServer) -> AsyncIterator[PipelinedConnection]:
    """A connection that is open already."""
    connection = connect(own_store_server.url)
    assert isinstance(connection, PipelinedConnection)
    await connection.execute("PING")
    yield connection
    await connection.aclose()


async def _sent(connection: PipelinedConnection, text: str) -> asyncio.Future[bytes]:
    """Send a command, and return once it has left."""
    reply = connection.execute("ECHO", text)
    while connection._waiting:
        await asyncio.sleep(0)
    return reply


def _stop() -> None:
    """Do to the event loop what a stop of the process does: nothing runs, and time goes on."""
    time.sleep(STOP_SECONDS)


async def test_replies_that_came_during_a_stop_are_read_after_each_of_many(
    connection: PipelinedConnection,
) -> None:
    for number in range(3):
        reply = await _sent(connection, f"{number}")
        _stop()
        assert await reply == f"{number}".encode()
        # The alarm of the deadline comes after the reply: it is to be ready for the next stop.
        await asyncio.sleep(TIMEOUT / 10)


async def test_replies_that_come_a_little_after_a_stop_are_waited_for(
    connection: PipelinedConnection, own_store_server: StoreServer
) -> None:
    own_store_server.pause()
    before = await _sent(connection, "before")
    asyncio.get_running_loop().call_later(
        STOP_SECONDS + LATE_REPLY_SECONDS, own_store_server.resume
    )
    _stop()
    after = connection.execute("ECHO", "after")
    assert (await before, await after) == (b"before", b"after")


async def test_what_had_not_left_before_a_stop_leaves_after_it(
    connection: PipelinedConnection, own_store_server: StoreServer
) -> None:
    own_store_server.pause()
    reply = connection.execute("ECHO", "late")
    _stop()
    asyncio.get_running_loop().call_later(LATE_REPLY_SECONDS, own_store_server.resume)
    assert await reply == b"late"


async def test_a_stop_while_it_connects_fails_nothing(own_store_server: StoreServer) -> None:
    for turns in range(1, 8):
        connection = connect(own_store_server.url)
        reply = connection.execute("ECHO", "first")
        for _ in range(turns):  # each goes a step further
            await asyncio.sleep(0)
        _stop()
        assert await reply == b"first"
        await connection.aclose()


async def test_a_server_that_is_silent_after_a_stop_is_given_up_soon(
    connection: PipelinedConnection, own_store_server: StoreServer
) -> None:
    own_store_server.pause()
    reply = await _sent(connection, "never")
    _stop()
    woken_at = time.monotonic()
    with pytest.raises(RedisUnavailableError):
        await reply
    assert time.monotonic() - woken_at < TIMEOUT, "no time is left to ask on another connection"


@given(st.lists(st.floats(STALL_SECONDS * 1.01, 1e6), min_size=100, max_size=100))
def test_an_event_loop_that_is_always_late_waits_for_no_server_for_ever(lates: list[float]) -> None:
    grace = StallGrace(TIMEOUT)
    given = [grace.take(late) for late in lates]
    assert given[-1] == 0.0
    assert sum(given) <= TIMEOUT + LONGEST_SECONDS + 1e-9


@given(st.floats(0, STALL_SECONDS))
def test_a_timer_that_fires_in_time_gives_no_grace(late: float) -> None:
    assert StallGrace(TIMEOUT).take(late) == 0.0


def test_a_deadline_that_is_due_at_once_is_kept_under_uvloop(own_store_server: StoreServer) -> None:
    """Its handle for such a timer says nothing of when it is due; a callback that failed kept no deadline."""

    async def wait() -> None:
        connection = connect(own_store_server.url)
        assert isinstance(connection, PipelinedConnection)
        await connection.execute("PING")
        own_store_server.pause()
        # What is left for the next command at the alarm of one, at times.
        connection._timeout = 0.0003
        await eventually(lambda: connection._alarm is None)
        with pytest.raises(RedisUnavailableError):
            await asyncio.wait_for(connection.execute("PING"), 5.0)
        await connection.aclose()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(wait())
