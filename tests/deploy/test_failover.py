"""deploy/failover.py: a planned failover that loses nothing, whatever REDIS_URL says."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator

import pytest

from app import RedisStore
from app.sessions import StoreUnavailableError
from app.testing.contracts.store_base import DATA, HOUR, new_key
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.support.sentinel import Watched, watched_servers

SCRIPT = ROOT / "deploy" / "failover.py"


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A master, two replicas and three Sentinels, for this test alone."""
    with watched_servers(replicas=2) as watched:
        yield watched


async def fail_over(*arguments: str) -> tuple[int, str]:
    """Run the script; its exit code, and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *arguments, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_a_failover_by_the_script_loses_nothing_even_where_no_write_waits(
    watched: Watched,
) -> None:
    store = RedisStore.from_url(watched.url)
    acknowledged: list[str] = []
    stopping, old = asyncio.Event(), watched.master

    async def go_on() -> None:
        while not stopping.is_set():
            await asyncio.sleep(0.01)  # what is written is looked through in the end
            key = new_key()
            try:
                await store.create(key, DATA, idle=60, absolute=HOUR)
            except StoreUnavailableError:
                continue
            acknowledged.append(key)

    writers = [asyncio.create_task(go_on()) for _ in range(10)]
    await eventually(lambda: len(acknowledged) > 100, within=10.0)

    code, output = await fail_over(watched.url)

    assert code == 0, output
    assert old.command("ROLE")[0] == "slave"
    before = len(acknowledged)
    await eventually(lambda: len(acknowledged) > before + 100, within=10.0)
    stopping.set()
    await asyncio.gather(*writers)
    assert None not in await store.load_many(acknowledged)
    await store.aclose()


async def test_it_changes_nothing_while_a_replica_is_missing(watched: Watched) -> None:
    master, [lost, _] = watched.master, watched.replicas
    lost.kill()
    await eventually(lambda: len(master.command("ROLE")[2]) == 1)

    code, output = await fail_over(watched.url)

    assert (code, output.startswith("no failover: the replica")) == (1, True)
    assert watched.master is master
    master.command("SET", "a", 1)  # nothing is held up


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "python failover.py REDIS_URL"),
        (["redis://localhost"], "write redis+sentinel://"),
        (["redis+sentinel://127.0.0.1:1/mooring"], "no Sentinel answers"),
    ],
)
async def test_what_it_cannot_do_is_said_in_a_line(arguments: list[str], said: str) -> None:
    code, output = await fail_over(*arguments)
    assert code == 1
    assert said in output
    assert "Traceback" not in output
