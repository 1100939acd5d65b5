"""The contract suites as users run them: a test module of their own, and no settings of ours."""

from pathlib import Path

import pytest

from tests.testing.pytest_runs import run_pytest

STORE = """
from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from app.sessions import CommitOutcome, LoadResult, MemoryStore, SessionStore
from app.testing import StoreContract


class MyStore(MemoryStore):
    {body}


class TestMyStore(StoreContract):
    @pytest_asyncio.fixture
    async def store(self) -> AsyncIterator[SessionStore]:
        store = MyStore()
        yield store
        await store.aclose()
"""

BUS = """
import pytest

from app.realtime.bus.base import Batch, Bus, MemoryBus, Offset
from app.testing import BusContract


class MyBus(MemoryBus):
    {body}


class TestMyBus(BusContract):
    @pytest.fixture
    def bus(self) -> Bus:
        return MyBus(maxlen=self.maxlen)
"""

REVERSED_READS = """
    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        return (await super().load_many(keys))[::-1]
"""
LOST_COMMITS = """
    async def commit(self, key: str, version: int, data: bytes, **options: object) -> CommitOutcome:
        return await super().commit(key, version, b"{}", **options)
"""
GAPS_NEVER_SHOWN = """
    async def read(self, after: Offset) -> Batch:
        batch = await super().read(after)
        return Batch(batch.entries, batch.offset)
"""


@pytest.mark.parametrize("module", [STORE, BUS], ids=["store", "bus"])
def test_an_adapter_that_keeps_the_contract_passes(tmp_path: Path, module: str) -> None:
    result = _pytest(tmp_path, module.format(body="pass"))
    assert result.ret == 0, str(result.stdout)
    assert " passed" in str(result.stdout)
    assert "warning" not in str(result.stdout)


@pytest.mark.parametrize(
    ("module", "body", "failing", "shown"),
    [
        (STORE, REVERSED_READS, "load_many_returns_results_in_the_order", "[None, Tombstone("),
        (STORE, LOST_COMMITS, "commit_replaces_data_and_owner", "(b'{}', 2, 'bob')"),
        (
            BUS,
            GAPS_NEVER_SHOWN,
            "an_offset_that_the_log_never_had_is_a_gap",
            "where False = Batch(",
        ),
    ],
    ids=["order", "data", "gap"],
)
def test_an_adapter_that_breaks_the_contract_fails_with_the_values_that_differ(
    tmp_path: Path, module: str, body: str, failing: str, shown: str
) -> None:
    result = _pytest(tmp_path, module.format(body=body), "-k", failing)
    assert result.ret == 1, str(result.stdout)
    assert f"test_{failing}" in str(result.stdout)
    assert shown in str(result.stdout), "the assertions are not rewritten"


def test_a_contract_without_its_fixture_says_which(tmp_path: Path) -> None:
    module = "from app.testing import StoreContract\n\nclass TestMyStore(StoreContract): ...\n"
    result = _pytest(tmp_path, module, "-x")
    assert result.ret == 1
    assert "fixture 'store' not found" in str(result.stdout)


def _pytest(folder: Path, module: str, *options: str) -> pytest.RunResult:
    (folder / "test_mine.py").write_text(module)
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
    )
    return run_pytest(folder, "-q", *options)
