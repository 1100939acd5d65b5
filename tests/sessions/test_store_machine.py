"""Every store against the model: any verbs in any order, and time that passes in between."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.sessions import (
    Committed,
    Conflict,
    EndReason,
    Record,
    SessionExistsError,
    Tombstone,
)
from tests.sessions.store_model import StoreModel
from tests.sessions.store_worlds import MemoryWorld, ServerWorld, World
from tests.support.samples import PROOF, times
from tests.support.stores import StoreSettings

T = TypeVar("T")

KEYS = [digit * 64 for digit in "0af"]

# Time passes in whole hundreds and all deadlines are at the fifties in between, so that what a
# slow machine adds never decides what has expired.
TOLERANCE = 25.0
lapses = st.integers(1, 2).map(lambda n: n * 100.0)
durations = st.integers(1, 9).map(lambda n: n * 100.0 + 50)
absolutes = st.integers(4, 15).map(lambda n: n * 100.0 + 50)
ages = st.sampled_from([0.0, 0.0, 100.0, 500.0])

keys = st.sampled_from(KEYS)
picks = st.integers(0, 11)
idles = st.none() | durations
owners = st.sampled_from([None, "", "-", "=", "a b", "Zoë"])
predecessors = st.sampled_from([None, None, "", "-", '["0f", ["a b"]]'])
data_ = st.sampled_from([b"{}", b'{"n":1}', b'{ "a b" : "\\u0000" }', '{"ü":"\u2028"}'.encode()])
tombstones = st.builds(
    Tombstone,
    st.sampled_from([EndReason.LOGOUT, EndReason.ROTATED, EndReason.REVOKED]),
    st.none() | keys,
)
off_by = st.sampled_from([0, 0, 0, -1, 1])


while_there_is_something = precondition(lambda machine: machine.model.keys())


class StoreMachine(RuleBasedStateMachine):
    """Does everything twice, to the store and to the model, and compares the answers."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = world
        self.store = world.store
        self.model = StoreModel(self.world.start)

    @rule(
        key=keys,
        data=data_,
        idle=durations,
        absolute=absolutes,
        owner=owners,
        age=ages,
        predecessor=predecessors,
    )
    def create(
        self,
        key: str,
        data: bytes,
        idle: float,
        absolute: float,
        owner: str | None,
        age: float,
        predecessor: str | None,
    ) -> None:
        began = self.model.now - age
        mine = self.store.create(
            key,
            data,
            idle=idle,
            absolute=absolute,
            owner=owner,
            created_at=None if age == 0 else began - self.world.offset,
            predecessor=predecessor,
        )
        try:
            expected = self.model.create(
                key,
                data,
                idle=idle,
                absolute=absolute,
                owner=owner,
                created_at=began,
                predecessor=predecessor,
            )
        except SessionExistsError:
            assert isinstance(self.run_to_error(mine), SessionExistsError)
        else:
            self.compare(self.run(mine), expected)

    @while_there_is_something
    @rule(pick=picks, idle=idles)
    def load(self, pick: int, idle: float | None) -> None:
        key = self.pick(pick)
        self.compare(self.run(self.store.load(key, idle=idle)), self.model.load(key, idle))

    @rule(order=st.lists(keys))
    def load_many(self, order: list[str]) -> None:
        for mine, key in zip(self.run(self.store.load_many(order)), order, strict=True):
            self.compare(mine, self.model.peek(key))

    @while_there_is_something
    @rule(pick=picks, off=off_by, data=data_, idle=idles, owner=owners, predecessor=predecessors)
    def commit(
        self,
        pick: int,
        off: int,
        data: bytes,
        idle: float | None,
        owner: str | None,
        predecessor: str | None,
    ) -> None:
        key = self.pick(pick)
        version = self.model.version(key) + off
        options: Any = {"idle": idle, "owner": owner, "predecessor": predecessor}
        mine = self.store.commit(key, version, data, **options)
        self.compare(self.run(mine), self.model.commit(key, version, data, **options))

    @while_there_is_something
    @rule(pick=picks, off=st.none() | off_by, tombstone=tombstones, keep=durations)
    def end(self, pick: int, off: int | None, tombstone: Tombstone, keep: float) -> None:
        key = self.pick(pick)
        version = None if off is None else self.model.version(key) + off
        mine = self.store.end(
            key, tombstone.reason, keep=keep, version=version, successor=tombstone.successor
        )
        self.compare(self.run(mine), self.model.end(key, tombstone, keep=keep, version=version))

    @while_there_is_something
    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.run(self.store.delete(key))
        self.model.delete(key)

    @while_there_is_something
    @rule(seconds=lapses)
    def advance_time(self, seconds: float) -> None:
        self.world.advance_time(seconds)
        self.model.advance_time(seconds)

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        self.load_many(KEYS)

    def teardown(self) -> None:
        self.run(self.store.aclose())
        self.runner.close()

    def pick(self, number: int) -> str:
        """Choose a key: mostly one under which something stands."""
        choice = self.model.keys() if number % 4 else KEYS
        return choice[number % len(choice)]

    def run(self, verb: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(verb)

    def run_to_error(self, verb: Coroutine[Any, Any, object]) -> Exception:
        try:
            answer = self.run(verb)
        except SessionExistsError as error:
            return error
        raise AssertionError(f"no error but {answer}")

    def compare(self, mine: object, expected: object) -> None:
        """Check an answer, its times as far as they can be told apart."""
        match mine, expected:
            case (Record(), Record()):
                self.compare_records(mine, expected)
            case (Committed(mine), Committed(expected)) | (Conflict(mine), Conflict(expected)):
                self.compare_records(mine, expected)
            case _:
                assert mine == expected

    def compare_records(self, mine: Record, expected: Record) -> None:
        assert _timeless(mine) == _timeless(expected)
        for one, other in zip(_times(mine), _times(expected), strict=True):
            assert abs(one + self.world.offset - other) < TOLERANCE


def _timeless(record: Record) -> Record:
    return record._replace(created_at=0.0, absolute_at=0.0, lease=None)


def _times(record: Record) -> list[float]:
    return [record.created_at, record.absolute_at, *(record.lease or ())]


def _machine_in(new_world: Callable[[], World]) -> type[StoreMachine]:
    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(new_world())

    return Machine


@pytest.mark.proof
@pytest.mark.slow
def test_a_store_does_what_the_model_does_in_any_order_of_verbs(any_store: StoreSettings) -> None:
    url = any_store.get("redis_url")
    run_state_machine_as_test(
        _machine_in(MemoryWorld if url is None else partial(ServerWorld, url)),
        settings=settings(
            max_examples=times(25, of=100) if url is None else times(15, of=60),
            stateful_step_count=50,
            derandomize=not PROOF,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
