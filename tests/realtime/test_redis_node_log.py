"""P19: the log of a node on a Redis server, where it is trimmed, lacks a message, or has one twice."""

import time

import pytest

from app.realtime.bus.base import Offset
from app.realtime.bus.messages import write
from app.realtime.recovery.log import LogLostError, NumberedEvent
from app.realtime.recovery.position import Position
from app.realtime.recovery.redis_log import RedisNodeLog
from app.realtime.redis_keys import RedisKeys
from app.redis.url import connect
from tests.support.servers import StoreServer

KEYS = RedisKeys()
LONG_AGO = int(time.time() * 1000) - 600_000


def numbered(number: int) -> str:
    """A message of a node."""
    return write(
        NumberedEvent(space="all", name="", namespace="/", body=['["said"]'], number=number)
    ).decode()


@pytest.mark.parametrize("healed", [60.0, 3600.0])
async def test_what_is_older_than_any_lost_link_may_be_trimmed(
    valkey: StoreServer, healed: float
) -> None:
    """A client that had it not would have come back, or its time would be over."""
    client = connect(valkey.url)
    for log in (KEYS.stream("x"), KEYS.log("x")):
        for number in (7, 8):
            at = f"{LONG_AGO + number}-0"
            valkey.command("XADD", log, at, "o", "x", "n", number, "m", numbered(number))
    node_log = RedisNodeLog(client, KEYS, "x", healed)
    before = Position("x", 0, Offset(LONG_AGO - 1000, 0), 0)
    if healed == 60.0:
        await node_log.read(before)
    else:
        with pytest.raises(LogLostError):
            await node_log.read(before)
    await client.aclose()


async def test_how_old_a_trimmed_log_is_is_not_told_by_the_clock_of_a_node(
    valkey: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is ahead by hours would take all that is trimmed for received."""
    client = connect(valkey.url)
    for log in (KEYS.stream("x"), KEYS.log("x")):
        valkey.command("XADD", log, f"{LONG_AGO}-0", "o", "x", "n", 1, "m", numbered(1))
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 86400)
    with pytest.raises(LogLostError):
        await RedisNodeLog(client, KEYS, "x", 3600.0).read(
            Position("x", 0, Offset(LONG_AGO - 1000, 0), 0)
        )
    await client.aclose()


async def test_a_position_beyond_the_end_of_a_log_is_of_another_one(valkey: StoreServer) -> None:
    client = connect(valkey.url)
    valkey.command("XADD", KEYS.stream("x"), "5-0", "o", "x", "n", 0, "m", "")
    valkey.command("XADD", KEYS.log("x"), "5-0", "o", "x", "n", 0, "m", "")
    log = RedisNodeLog(client, KEYS, "x", 60.0)
    await log.read(Position("x", 0, Offset(5, 0), 0))
    for beyond in (Position("x", 1, Offset(5, 0), 0), Position("x", 0, Offset(6, 0), 0)):
        with pytest.raises(LogLostError):
            await log.read(beyond)
    await client.aclose()


async def test_a_message_that_was_never_logged_is_missed(valkey: StoreServer) -> None:
    """The node's outbox was full: it had to drop the second one."""
    client = connect(valkey.url)
    valkey.command("XADD", KEYS.stream("x"), "5-0", "o", "x", "n", 0, "m", "")
    for number in (1, 3):
        valkey.command(
            "XADD", KEYS.log("x"), f"{5 + number}-0", "o", "x", "n", number, "m", numbered(number)
        )
    log = RedisNodeLog(client, KEYS, "x", 60.0)
    await log.read(Position("x", 2, Offset(5, 0), 0))
    with pytest.raises(LogLostError):
        await log.read(Position("x", 1, Offset(5, 0), 0))
    with pytest.raises(LogLostError):
        await log.read(Position("x", 0, Offset(5, 0), 0))
    await client.aclose()


@pytest.mark.parametrize("received", [6, 7, 8, 9])
async def test_a_message_that_was_published_again_in_an_outage_is_replayed_once(
    valkey: StoreServer, received: int
) -> None:
    """Its first copy is there, and the reply to it was lost: two batches, each stands there twice."""
    client = connect(valkey.url)
    valkey.command("XADD", KEYS.log("x"), "5-0", "o", "x", "n", 0, "m", "")
    stream = [("y", 1), ("z", 1), ("y", 2), ("y", 1), ("y", 2), ("z", 1), ("y", 3)]
    for at, (origin, number) in enumerate(stream, 6):
        words = ("o", origin, "n", number, "m", numbered(number))
        valkey.command("XADD", KEYS.stream("x"), f"{at}-0", *words)
    position = Position("x", 0, Offset(received, 0), 0)
    log = RedisNodeLog(client, KEYS, "x", 60.0)
    await log.read(position)
    found = [
        next(name for name in each.identities if not name[1])[::2]
        for each in log.select([("all", "")], position, None)
    ]
    assert found == [("z", 1), ("y", 2), ("y", 3)][min(received - 6, 2) :]
    await client.aclose()
