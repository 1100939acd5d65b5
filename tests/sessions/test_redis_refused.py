"""What a server refuses is in the log in its own words, once a change of state."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from app import RedisStore
from app.redis.refused import RefusedCommands
from app.sessions import StoreUnavailableError
from app.sessions.stores.answers import AnswerLimits, NoRoom
from app.testing.contracts.store_base import DATA, HOUR, OTHER, live, new_key
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

LOGGER = "app.redis.refused"


def fill(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "maxmemory", 1)


def empty(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "maxmemory", 0)


def forbid(server: StoreServer) -> None:
    server.command("ACL", "SETUSER", "default", "-eval", "-evalsha")


def allow(server: StoreServer) -> None:
    server.command("ACL", "SETUSER", "default", "+eval", "+evalsha")


def demote(server: StoreServer) -> None:
    server.command("REPLICAOF", "127.0.0.1", 1)


def promote(server: StoreServer) -> None:
    server.command("REPLICAOF", "NO", "ONE")


def lose_replicas(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "min-replicas-to-write", 1)


def find_replicas(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "min-replicas-to-write", 0)


def fail_to_save(server: StoreServer) -> None:
    """Have the server write to its disk, and fail."""
    server.command("CONFIG", "SET", "save", "3600 1")
    server.command("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)
    for number in range(20):
        server.command("SET", f"filler{number}", 1)
    server.command("BGSAVE")
    [saving] = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    os.kill(int(saving), signal.SIGKILL)
    while "rdb_last_bgsave_status:err" not in str(info(server)):
        time.sleep(0.01)


def info(server: StoreServer) -> str:
    with redis.Redis.from_url(server.url) as client:
        client.set_response_callback("INFO", bytes.decode)
        return str(client.execute_command("INFO", "persistence"))


def need_not_save(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "save", "")


def run_for_long(server: StoreServer) -> None:
    """Have a script run that does not end."""
    server.command("CONFIG", "SET", "lua-time-limit", 20)

    def run() -> None:
        with suppress(redis.ResponseError):  # it is killed
            server.command("EVAL", "while true do end", 0)

    Thread(target=run).start()
    while is_answered(server):
        time.sleep(0.01)


def is_answered(server: StoreServer) -> bool:
    try:
        server.command("GET", "x")
    except redis.ResponseError:
        return False
    return True


def end_script(server: StoreServer) -> None:
    server.command("SCRIPT", "KILL")
    while not is_answered(server):
        time.sleep(0.01)


Change = Callable[[StoreServer], None]
REFUSALS: dict[str, tuple[Change, Change]] = {
    "OOM": (fill, empty),
    "NOPERM": (forbid, allow),
    "READONLY": (demote, promote),
    "NOREPLICAS": (lose_replicas, find_replicas),
    "MISCONF": (fail_to_save, need_not_save),
    "BUSY": (run_for_long, end_script),
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_refusal_and_its_end_are_one_line_each_in_the_servers_own_words(
    own_store_server: StoreServer, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    begin, end = REFUSALS[code]
    store = RedisStore.from_url(own_store_server.url)
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    begin(own_store_server)
    for _ in range(5):
        with pytest.raises(StoreUnavailableError, match=code):
            await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    end(own_store_server)

    async def ends() -> bool:
        await store.create(new_key(), DATA, idle=60, absolute=HOUR)
        return len(lines(caplog)) == 2

    await eventually(ends)
    await store.aclose()
    said, over = lines(caplog)
    assert said.startswith("redis refuses commands: ")
    assert code in said
    assert len(said) > len("redis refuses commands: ") + len(code) + 10
    assert over == f"redis refuses commands no longer: {code}"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


@pytest.mark.parametrize("code", ["OOM", "NOREPLICAS"])
async def test_where_writes_are_refused_a_load_that_extends_still_reads(
    own_store_server: StoreServer, code: str
) -> None:
    begin, _ = REFUSALS[code]
    store, key = RedisStore.from_url(own_store_server.url), new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    begin(own_store_server)
    with pytest.raises(StoreUnavailableError, match=code):
        await store.commit(key, 1, OTHER)
    found = live(await store.load(key, idle=120))
    assert found.lease is not None
    assert (found.data, 0 < found.lease.seconds <= 120) == (DATA, True)
    await store.aclose()


async def test_where_the_memory_is_full_an_answer_is_removed_all_the_same(
    own_store_server: StoreServer,
) -> None:
    store, key = RedisStore.from_url(own_store_server.url), new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    for name in ("one", "other"):
        assert await store.swap_answer(key, name, b"begun") is None
    fill(own_store_server)
    with pytest.raises(StoreUnavailableError, match="OOM"):
        await store.swap_answer(key, "one", b"done", expected=b"begun")
    assert await store.swap_answer(key, "one", None, expected=b"begun") is None
    assert await store.read_answer(key, "one") is None
    empty(own_store_server)
    two = AnswerLimits(number=2)
    assert await store.swap_answer(key, "third", b"", limits=two) is None
    assert isinstance(await store.swap_answer(key, "fourth", b"", limits=two), NoRoom)
    await store.aclose()


@pytest.mark.parametrize("code", ["OOM", "READONLY", "NOREPLICAS", "NOPERM"])
async def test_a_store_that_takes_no_writes_is_not_ready(
    own_store_server: StoreServer, code: str
) -> None:
    """P8: it answers PING all the while."""
    begin, end = REFUSALS[code]
    store = RedisStore.from_url(own_store_server.url)
    await store.ping()
    begin(own_store_server)
    with pytest.raises(StoreUnavailableError, match=code):
        await store.ping()
    end(own_store_server)

    async def is_ready() -> bool:
        with suppress(StoreUnavailableError):
            await store.ping()
            return True
        return False

    await eventually(is_ready)
    await store.aclose()


class Clock:
    """A clock that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_is_nearly_full_is_not_told_of_again_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = RefusedCommands("redis", clock := Clock())
    for _ in range(100):
        clock.now += 0.1
        refused.refuse(("XADD", "a"), "OOM command not allowed")
        clock.now += 0.1
        refused.accept(("XADD", "b"))
    assert lines(caplog) == ["redis refuses commands: OOM command not allowed"]


def test_steps_on_the_way_are_no_refusals(caplog: pytest.LogCaptureFixture) -> None:
    refused = RefusedCommands("redis")
    for text in ("NOSCRIPT No matching script", "MOVED 1 a:1", "ASK 1 a:1"):
        refused.refuse(("EVALSHA", "x"), text)
    assert not refused
    assert lines(caplog) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["OOM a", "NOPERM b", "ERR c\n\x1b[1m" + "d" * 900, None]),
            st.sampled_from([("GET", "x"), ("EVALSHA", "1"), ("EVALSHA", "2")]),
            st.floats(0, 3),
        ),
        max_size=40,
    )
)
def test_lines_come_in_pairs_a_code_and_none_is_long_or_broken(
    steps: list[tuple[str | None, tuple[str, ...], float]],
) -> None:
    written: list[str] = []
    refused = RefusedCommands("redis", clock := Clock(), written.append)
    for text, command, pause in steps:
        clock.now += pause
        if text is None:
            refused.accept(command)
        else:
            refused.refuse(command, text)
    for code in ("OOM", "NOPERM", "ERR"):
        kinds = ["no longer" in line for line in written if code in line]
        assert kinds == [False, True] * (len(kinds) // 2) + [False] * (len(kinds) % 2)
    for line in written:
        assert len(line) < 300
        assert line.isprintable()
