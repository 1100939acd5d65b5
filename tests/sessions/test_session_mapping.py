"""The habits of a dict that a session has, and that each of them is a plain write."""

import asyncio
import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import MemoryStore, Policy, Session, SessionEndedError, SessionManager
from tests.sessions.handles import again, count_up, stored
from tests.support.hooked_store import HookedStore
from tests.support.samples import PROOF, times

DATA: dict[str, Any] = {"a": 1, "b": [1], "c": None}

Write = Callable[[Any], object]


def _ior(mapping: Any, other: object) -> None:
    mapping |= other


class Keyed:
    """What dict.update takes for a mapping, though it is none, and may be called."""

    def keys(self) -> Iterator[str]:
        return iter("xy")

    def __getitem__(self, name: str) -> str:
        return name.upper()

    def __call__(self) -> None:
        raise AssertionError("nobody calls a mapping")


WRITES: dict[str, Write] = {
    "update(mapping)": lambda data: data.update({"a": 2, "d": 3}),
    "update(pairs)": lambda data: data.update([("a", 2), ("d", 3)]),
    "update(names)": lambda data: data.update(a=2, d=3),
    "update(mapping, names)": lambda data: data.update({"d": 1}, d=3, self=4, other=5),
    "update(what has keys)": lambda data: data.update(Keyed()),
    "update()": lambda data: data.update(),
    "|= mapping": lambda data: _ior(data, {"a": 2, "d": 3}),
    "|= pairs": lambda data: _ior(data, [("d", 3)]),
    "setdefault of a key": lambda data: data.setdefault("a", 9),
    "setdefault of no key": lambda data: data.setdefault("d", []).append(1),
    "setdefault without a default": lambda data: data.setdefault("d"),
    "pop": lambda data: data.pop("b"),
    "pop with a default": lambda data: data.pop("d", 9),
    "pop of no key": lambda data: data.pop("d"),
    "popitem": lambda data: data.popitem(),
    "popitem until it is empty": lambda data: [data.popitem() for _ in range(4)],
    "clear": lambda data: data.clear(),
    "del": lambda data: data.__delitem__("b"),
    "del of no key": lambda data: data.__delitem__("d"),
}

READS: dict[str, Write] = {
    "copy": lambda data: data.copy(),
    "|": lambda data: data | {"a": 2, "d": 3},
    "| from the right": lambda data: {"a": 2, "d": 3} | data,
    "reversed": lambda data: list(reversed(data)),
    "items": lambda data: list(data.items()),
    "==": lambda data: data == DATA,
}


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A session whose data were stored by an earlier request."""
    earlier = await sessions.create()
    await earlier.transact(lambda data: data.update(DATA))
    return await again(sessions, earlier)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_plain_write_does_what_it_does_to_a_dict_and_is_stored_by_save(
    store: HookedStore, sessions: SessionManager, session: Session, write: Write
) -> None:
    expected = {name: list(value) if value == [1] else value for name, value in DATA.items()}
    before = len(store.calls)

    assert _outcome(write, session) == _outcome(write, expected)

    assert list(session.items()) == list(expected.items())
    assert session.modified == (expected != DATA)
    assert store.calls[before:] == []
    await session.save()
    assert await stored(sessions, session) == expected


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_a_read_returns_what_a_dict_does_and_changes_nothing(
    session: Session, read: Write
) -> None:
    result, expected = read(session), read(dict(DATA))
    assert result == expected
    assert type(result) is type(expected)
    assert not session.modified


async def test_a_copy_is_a_dict_of_its_own_that_shares_nested_values(session: Session) -> None:
    own = session.copy()
    own["a"] = 2
    assert session["a"] == 1
    own["b"].append(2)
    assert session["b"] == [1, 2]


@pytest.mark.parametrize(
    "fn", [count_up, lambda _data: None, len], ids=["def", "lambda", "built-in"]
)
async def test_update_with_a_function_raises_a_type_error_that_names_transact(
    session: Session, fn: Any
) -> None:
    with pytest.raises(TypeError, match=r"session\.transact\(fn\)"):
        session.update(fn)
    assert not session.modified


WRITES_THAT_CHANGE = {
    name: WRITES[name]
    for name in ("update(mapping)", "|= pairs", "setdefault of no key", "pop", "popitem", "clear")
}


@pytest.mark.parametrize("ended", [True, False], ids=["ended here", "found ended"])
@pytest.mark.parametrize("write", WRITES_THAT_CHANGE.values(), ids=WRITES_THAT_CHANGE)
async def test_no_write_reaches_a_session_that_has_ended(
    sessions: SessionManager, session: Session, ended: bool, write: Write
) -> None:
    if ended:
        await session.destroy()
    else:
        assert session.id is not None
        await sessions.ends.logout(session.id)
        with pytest.raises(SessionEndedError):
            await session.reload()
    with pytest.raises((SessionEndedError, KeyError)):
        write(session)
    assert dict(session) == {}


async def test_times_are_aware_datetimes_in_utc(store: HookedStore) -> None:
    sessions = SessionManager(store, Policy(idle=600, absolute=3600))
    session = await sessions.create()
    now = datetime.now(UTC)
    for time in (session.created_at, session.expires_at):
        assert time.tzinfo is UTC
    assert abs(session.created_at - now) < timedelta(seconds=5)
    assert abs(session.expires_at - now - timedelta(seconds=600)) < timedelta(seconds=5)
    assert session.max_age == pytest.approx(3600, abs=1)


async def test_times_survive_whatever_is_done_with_the_session(store: HookedStore) -> None:
    sessions = SessionManager(store, Policy(idle=600, absolute=3600))
    session = await sessions.create()
    created_at, expires_at = session.created_at, session.expires_at
    await session.transact(count_up)
    await session.reload()  # which reads no deadline
    assert session.created_at == created_at
    assert abs(session.expires_at - expires_at) < timedelta(seconds=1)
    await session.rotate()
    assert session.created_at == created_at
    assert abs(session.expires_at - expires_at) < timedelta(seconds=5)


async def test_without_a_deadline_that_was_read_the_absolute_one_counts(
    sessions: SessionManager, session: Session
) -> None:
    socket = sessions.attach(session.key, await sessions.load_live(session.key))
    assert socket.expires_at == session.created_at + timedelta(seconds=3600)
    await socket.transact(count_up)
    assert abs(socket.expires_at - session.expires_at) < timedelta(seconds=5)


def test_what_identifies_a_session_cannot_be_assigned() -> None:
    for name in ("key", "id", "version", "created_at", "expires_at", "ended"):
        attribute = getattr(Session, name)
        assert isinstance(attribute, property)
        assert attribute.fset is None


def _outcome(write: Write, data: object) -> object:
    try:
        return write(data)
    except (KeyError, TypeError) as error:
        return type(error)


NAMES = st.sampled_from(["a", "b", "c", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
DICTS = st.dictionaries(NAMES, VALUES, max_size=3)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=3)
NO_MAPPINGS = st.sampled_from([None, 1, [1], "ab", [("a",)], object()])

Operation = tuple[Any, ...]
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.tuples(st.just("__setitem__"), NAMES, VALUES),
    st.tuples(st.just("__delitem__"), NAMES),
    st.tuples(st.just("__getitem__"), NAMES),
    st.tuples(st.just("__contains__"), NAMES | st.integers()),
    st.tuples(st.just("get"), NAMES),
    st.tuples(st.just("get"), NAMES, VALUES),
    st.tuples(st.just("setdefault"), NAMES),
    st.tuples(st.just("setdefault"), NAMES, VALUES),
    st.tuples(st.just("pop"), NAMES),
    st.tuples(st.just("pop"), NAMES, VALUES),
    st.tuples(st.just("popitem")),
    st.tuples(st.just("clear")),
    st.tuples(st.just("copy")),
    st.tuples(st.just("update")),
    st.tuples(st.just("update"), DICTS | PAIRS | NO_MAPPINGS),
    st.tuples(st.just("__or__"), DICTS | PAIRS | NO_MAPPINGS),
    st.tuples(st.just("__ror__"), DICTS | PAIRS | NO_MAPPINGS),
    st.tuples(st.just("|="), DICTS | PAIRS | NO_MAPPINGS),
    st.tuples(st.just("nest"), NAMES, VALUES),
    st.tuples(st.just("=="), DICTS),
    *(st.tuples(st.just(name)) for name in ("keys", "values", "items", "len", "bool", "reversed")),
    st.tuples(st.just("store")),
)


@pytest.mark.proof
@settings(derandomize=not PROOF, deadline=None, max_examples=times(100, of=300))
@given(before=DICTS, operations=st.lists(OPERATIONS, max_size=12))
def test_whatever_is_done_to_a_session_it_answers_and_holds_what_a_dict_does(
    before: dict[str, Any], operations: list[Operation]
) -> None:
    with asyncio.Runner() as runner:
        runner.run(_compare(before, operations))


async def _compare(before: dict[str, Any], operations: list[Operation]) -> None:
    sessions = SessionManager(MemoryStore(), Policy(idle=60, absolute=60))
    session = await sessions.create()
    await session.transact(lambda data: data.update(copy.deepcopy(before)))
    expected = copy.deepcopy(before)
    for operation in operations:
        if operation == ("store",):
            await session.save()
            session = await again(sessions, session)
            continue
        mine, theirs = copy.deepcopy(operation), copy.deepcopy(operation)
        assert _done(mine, session) == _done(theirs, expected), operation
        assert list(session.items()) == list(expected.items()), operation
    await session.save()
    assert await stored(sessions, session) == expected


def _done(operation: Operation, data: Any) -> Any:
    """Return what an operation returns, or the type of what it raises."""
    name, *arguments = operation
    act = _SPECIAL.get(name) or (lambda data, *arguments: getattr(data, name)(*arguments))
    try:
        return act(data, *arguments)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return type(error)


def _nest(data: Any, name: str, value: Any) -> None:
    held = data[name]
    if isinstance(held, list):
        held.append(value)
    else:
        held.update({"nested": value})


_SPECIAL: dict[str, Any] = {
    "__or__": lambda data, other: data | other,
    "__ror__": lambda data, other: other | data,
    "|=": _ior,
    "nest": _nest,
    "==": lambda data, other: (data == other, data != other),
    "keys": lambda data: list(data.keys()),
    "values": lambda data: list(data.values()),
    "items": lambda data: list(data.items()),
    "len": len,
    "bool": bool,
    "reversed": lambda data: list(reversed(data)),
}
