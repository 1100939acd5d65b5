"""The contract suites as users run them: a test module of their own, and no settings of ours."""

import re
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
import asyncio

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

WRONG_STORES = """
import asyncio

import pytest

from app.sessions import MemoryStore, Record, Tombstone
from app.sessions.models import NOT_MODIFIED
from app.testing import AnswerStoreContract, FakeClock, StoreContract, UserIndexContract
"""
WRONG_STORE = """

class Store{number}(MemoryStore):
    {body}


class TestStore{number}(StoreContract, UserIndexContract, AnswerStoreContract):
    @pytest.fixture
    def clock(self):
        return FakeClock()

    @pytest.fixture
    def store(self, clock):
        return Store{number}(clock=clock.time)

    @pytest.fixture
    def advance_time(self, clock):
        return clock.advance
"""
_EXTENDS = """
    async def {verb}(self, key, *args, **options):
        result = await super().{verb}(key, *args, **options)
        for each in [key] if isinstance(key, str) else key:
            await super().load(each, idle=60)
        return result
"""
_WRITES_BACK = """
    async def {verb}(self, key, *args, **options):
        found = await super().load(key)
        await asyncio.sleep(0)
        {condition}:
            self._put(key, found._replace(lease=None), found.lease.expires_at)
        return await super().{verb}(key, *args, **options)
"""
_IS_GONE = "if isinstance(found, Record) and key not in self._entries"
_OTHER_EXPECTED = """
    async def swap_answer(self, key, name, value, *, expected=None, **options):
        if {condition}:
            found = await self.read_answer(key, name)
            await asyncio.sleep(0)
            if found and found.value == expected and (now := await self.read_answer(key, name)):
                expected = now.value
        return await super().swap_answer(key, name, value, expected=expected, **options)
"""
WRONG = {
    "reads of many extend": (
        _EXTENDS.format(verb="load_many"),
        "nothing_extends_a_record_that_is_not_told_to",
    ),
    "conflicts extend": (
        _EXTENDS.format(verb="end"),
        "nothing_extends_a_record_that_is_not_told_to",
    ),
    "an extended record is written as it was read": (
        _WRITES_BACK.format(
            verb="load",
            condition='if options.get("idle") and isinstance(found, Record) and key in self._entries',
        ),
        "a_read_that_extends_undoes_no_concurrent_commit",
    ),
    "an extended record is put where it has been deleted": (
        _WRITES_BACK.format(verb="load", condition=_IS_GONE),
        "an_end_amid_a_burst_of_reads_and_writes_is_final",
    ),
    "a commit puts a record where it has been deleted": (
        _WRITES_BACK.format(verb="commit", condition=_IS_GONE),
        "an_end_amid_a_burst_of_reads_and_writes_is_final",
    ),
    "reads of many find expired tombstones": (
        """
    async def load_many(self, keys):
        entries = map(self._entries.get, keys)  # what expires is removed behind it
        found = [entry and entry.content for entry in entries]
        now = await super().load_many(keys)
        return [old if isinstance(old, Tombstone) else new for old, new in zip(found, now)]
""",
        "a_tombstone_expires_and_nothing_extends_it",
    ),
    "versions are those of the first part": (
        """
    async def load_if_changed(self, keys, versions):
        found = []
        for at in range(0, len(keys), 500):
            part = zip(await self.load_many(keys[at : at + 500]), versions)
            found += [
                NOT_MODIFIED if isinstance(each, Record) and each.version == version else each
                for each, version in part
            ]
        return found
""",
        "more_keys_than_one_round_trip_takes_are_read",
    ),
    "an entry keeps its first time": (
        """
    async def add_to_index(self, name, key, *, keep):
        if key in await self.read_index(name):
            return self._index_clock()
        return await super().add_to_index(name, key, keep=keep)
""",
        "adding_again_makes_an_entry_stay_longer",
    ),
    "a name has one time": (
        """
    async def add_to_index(self, name, key, *, keep):
        added = await super().add_to_index(name, key, keep=keep)
        entries = self._names[name]
        self._names[name] = dict.fromkeys(entries, max(entries.values()))
        return added
""",
        "an_entry_goes_after_its_time",
    ),
    "a key has one name": (
        """
    async def add_to_index(self, name, key, *, keep):
        for other in self._names.keys() - {name}:
            self._names[other].pop(key, None)
        return await super().add_to_index(name, key, keep=keep)
""",
        "a_key_may_be_under_several_names",
    ),
    "a removal is read, then written": (
        """
    async def remove_from_index(self, name, key):
        entries = dict(self._names.get(name, {}))
        await asyncio.sleep(0)
        entries.pop(key, None)
        self._names[name] = entries
""",
        "what_is_removed_and_added_at_once_takes_no_other_with_it",
    ),
    "a value is compared, then replaced": (
        _OTHER_EXPECTED.format(condition="value is not None and expected is not None"),
        "of_fifty_swaps_for_one_value_one_wins",
    ),
    "a value is compared, then removed": (
        _OTHER_EXPECTED.format(condition="value is None"),
        "no_value_but_the_expected_one_is_removed_whatever_comes_between",
    ),
    "a value is as old as the name": (
        """
    async def swap_answer(self, key, name, value, **options):
        kept = self._answers.get(key)
        old = kept and kept._kept.get(name)
        outcome = await super().swap_answer(key, name, value, **options)
        if outcome is None and old and value is not None:
            self._answers[key]._kept[name] = self._answers[key]._kept[name]._replace(at=old.at)
        return outcome
""",
        "a_value_is_as_old_as_its_swap",
    ),
    "a commit with an answer keeps the predecessor": (
        """
    async def commit_once(self, key, *args, **options):
        entry = self._entries.get(key)
        before = entry and entry.content.predecessor
        outcome = await super().commit_once(key, *args, **options)
        if before and isinstance(entry.content, Record):
            entry.content = entry.content._replace(predecessor=before)
        return outcome
""",
        "a_commit_with_an_answer_takes_the_predecessor_away_as_any_other",
    ),
}
"""A fault, as a body of a class, and the rule of the contract that it breaks."""


NOBODY_WOKEN = """
    async def read_addressed(self, node: str, after: Offset) -> Batch:
        while await self.tail() <= after:
            await asyncio.sleep(1)
        return await self.read(after)
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
        (BUS, NOBODY_WOKEN, "an_addressed_message_wakes_a_waiting_read", "< 0.5"),
    ],
    ids=["order", "data", "gap", "wake"],
)
def test_an_adapter_that_breaks_the_contract_fails_with_the_values_that_differ(
    tmp_path: Path, module: str, body: str, failing: str, shown: str
) -> None:
    result = _pytest(tmp_path, module.format(body=body), "-k", failing)
    assert result.ret == 1, str(result.stdout)
    assert f"test_{failing}" in str(result.stdout)
    assert shown in str(result.stdout), "the assertions are not rewritten"


@pytest.mark.parametrize("way", WRONG)
def test_a_plausible_fault_is_found_by_the_rule_that_it_breaks(
    wrong_stores: dict[str, set[str]], way: str
) -> None:
    _, rule = WRONG[way]
    assert rule in wrong_stores[way]


def test_a_store_without_a_fault_breaks_none_of_these_rules(
    wrong_stores: dict[str, set[str]],
) -> None:
    assert wrong_stores["right"] == set()


@pytest.fixture(scope="module")
def wrong_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The rules that each wrong store breaks, of the one that is to find it; and a right one, of them all."""
    bodies = {"right": "pass"} | {way: body for way, (body, _) in WRONG.items()}
    module = WRONG_STORES + "".join(
        WRONG_STORE.format(number=number, body=body) for number, body in enumerate(bodies.values())
    )
    rules = [rule for _, rule in WRONG.values()]
    tried = [*((0, rule) for rule in rules), *enumerate(rules, 1)]
    tests = [f"test_mine.py::TestStore{number}::test_{rule}" for number, rule in tried]
    result = _pytest(tmp_path_factory.mktemp("wrong"), module, "--tb=no", *tests)
    failed = re.findall(
        r"^FAILED \S*::TestStore(\d+)::test_(\w+)", str(result.stdout), re.MULTILINE
    )
    assert failed, str(result.stdout)
    return {
        way: {rule for place, rule in failed if place == str(number)}
        for number, way in enumerate(bodies)
    }


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
