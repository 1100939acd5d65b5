"""Which values a session keeps: each comes back as it went in, or is refused where it is set."""

import asyncio
import datetime as dt
import json
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.sessions import Policy, Session, SessionDataError, SessionManager
from tests.sessions.handles import again, count_up, stored
from tests.support.samples import PROOF, times
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store


class Colour(Enum):
    RED = "red"


class Size(StrEnum):
    SMALL = "s"


class Level(IntEnum):
    ONE = 1


class Item(BaseModel):
    name: str = "tea"


@dataclass
class Point:
    x: int = 1


class Text(str):
    pass


class Number(int):
    pass


class Share(float):
    pass


class Names(list[str]):
    pass


class Map(dict[str, int]):
    pass


class Truth:
    def __bool__(self) -> bool:
        return True


Pair = namedtuple("Pair", "one two")  # noqa: PYI024 - the old form is another type of tuple

NOW = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)

REFUSED: dict[str, Any] = {
    "UUID": UUID(int=1),
    "Enum": Colour.RED,
    "str Enum": Size.SMALL,
    "int Enum": Level.ONE,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "tuple": (1, 2),
    "empty tuple": (),
    "named tuple": Pair(1, 2),
    "datetime": NOW,
    "date": NOW.date(),
    "time": NOW.time(),
    "timedelta": dt.timedelta(seconds=1),
    "Decimal": Decimal("1.5"),
    "Fraction": Fraction(1, 2),
    "complex": 1j,
    "set": {1},
    "frozenset": frozenset({1}),
    "bytes": b"bytes",
    "bytearray": bytearray(b"bytes"),
    "memoryview": memoryview(b"bytes"),
    "model": Item(),
    "dataclass": Point(),
    "object": object(),
    "type": int,
    "function": len,
    "iterator": iter(()),
    "range": range(2),
    "dict view": {}.keys(),
    "str subclass": Text("text"),
    "int subclass": Number(1),
    "float subclass": Share(1.0),
    "list subclass": Names(["a"]),
    "dict subclass": Map(a=1),
    "defaultdict": defaultdict(int),
    "OrderedDict": OrderedDict(),
    "Counter": Counter(),
    "what is true": Truth(),
    "65 bits": 2**64,
    "65 bits below zero": -(2**63) - 1,
    "lone surrogate": "\ud800",
    "Ellipsis": ...,
    "int as key": {1: "one"},
    "None as key": {None: 1},
    "bool as key": {True: 1},
    "float as key": {1.5: 1},
    "tuple as key": {(1,): 1},
    "str Enum as key": {Size.SMALL: 1},
    "str subclass as key": {Text("a"): 1},
    "surrogate as key": {"\udc00": 1},
}

KEPT: dict[str, Any] = {
    "the greatest integer": 2**64 - 1,
    "the least integer": -(2**63),
    "an integer of 53 bits and more": 2**53 + 1,
    "minus zero": -0.0,
    "the least float": 5e-324,
    "the greatest float": 1.7976931348623157e308,
    "a float without fraction": 1e16,
    "bool beside int": [True, 1, False, 0, 1.0],
    "NUL": "\x00",
    "line separators": "\u2028\u2029",
    "outside the BMP": "\U0001f600",
    "empty key": {"": {"": []}},
    "key with a dot": {"a.b": 1},
    "braces": " {",
}


def nested(depth: int) -> list[Any]:
    """Return a list in a list, so deep."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A session that counts 1."""
    earlier = await sessions.create()
    await earlier.transact(count_up)
    return await again(sessions, earlier)


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
async def test_what_would_not_come_back_is_refused_at_the_assignment_with_the_key(
    sessions: SessionManager, session: Session, value: Any
) -> None:
    for act in (
        lambda: session.__setitem__("bad", value),
        lambda: session.update(good=1, bad=value),
        lambda: session.__ior__({"good": 1, "bad": value}),
        lambda: session.setdefault("bad", value),
    ):
        with pytest.raises(SessionDataError, match=r"^bad") as refused:
            act()
        assert refused.value.path == "bad"
    assert session == {"count": 1}
    await session.save()
    assert await stored(sessions, session) == {"count": 1}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
async def test_what_would_not_come_back_is_refused_deep_inside_with_its_path(
    sessions: SessionManager, session: Session, value: Any
) -> None:
    path = "cart.items[3].at"
    with pytest.raises(SessionDataError) as refused:
        session["cart"] = {"items": [0, 1, 2, {"at": value}]}
    assert str(refused.value).startswith(path)
    assert refused.value.path == path
    assert session == {"count": 1}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
async def test_what_is_nested_later_is_refused_at_the_commit_with_its_path(
    sessions: SessionManager, session: Session, value: Any
) -> None:
    session["cart"] = {"items": [0, 1, 2, {"at": None}]}
    await session.save()
    session["cart"]["items"][3]["at"] = value
    for store_it in (session.save, lambda: session.transact(count_up)):
        with pytest.raises(SessionDataError) as refused:
            await store_it()
        assert refused.value.path == "cart.items[3].at"
    expected = {"count": 1, "cart": {"items": [0, 1, 2, {"at": None}]}}
    assert await stored(sessions, session) == expected


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
async def test_what_a_transaction_sets_is_refused_with_its_path(
    sessions: SessionManager, session: Session, value: Any
) -> None:
    with pytest.raises(SessionDataError) as refused:
        await session.transact(lambda data: data.update(bad=[value]))
    assert refused.value.path == "bad[0]"
    assert await stored(sessions, session) == {"count": 1}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
async def test_what_json_keeps_comes_back_as_it_is(
    sessions: SessionManager, session: Session, value: Any
) -> None:
    session["kept"] = value
    await session.save()
    assert same(dict(await again(sessions, session)), {"count": 1, "kept": value})


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"a b": [()]}, "['a b'][0]"),
        ({"": ()}, "['']"),
        ({"1": {"ü": ()}}, "['1']['\\xfc']"),
        ({"a": {"line\nbreak": ()}}, "a['line\\nbreak']"),
        ({"a": [[[()]]]}, "a[0][0][0]"),
        ({"x" * 200: ()}, f"['{'x' * 80}']"),
    ],
)
async def test_paths_quote_what_is_no_name(session: Session, data: Any, path: str) -> None:
    with pytest.raises(SessionDataError) as refused:
        session.update(data)
    assert refused.value.path == path


@pytest.mark.parametrize("name", [1, None, Size.SMALL, Text("a"), "\ud800", ("a",)])
async def test_a_top_level_key_is_a_string(session: Session, name: Any) -> None:
    with pytest.raises(SessionDataError):
        session[name] = 1
    with pytest.raises(SessionDataError):
        await session.transact(lambda data: data.update({name: 1}))
    assert session == {"count": 1}


async def test_what_is_too_deep_or_endless_is_refused_and_just_less_is_kept(
    sessions: SessionManager, session: Session
) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (nested(201), endless):
        with pytest.raises(SessionDataError, match="within each other"):
            session["deep"] = value
    session["deep"] = nested(200)
    await session.save()
    assert same((await again(sessions, session))["deep"], nested(200))


@pytest.mark.parametrize("depth", [201, 253, 254, 255, 2_500])
@pytest.mark.parametrize("kind", [list, dict])
async def test_what_is_too_deep_is_refused_wherever_it_gets_in(
    sessions: SessionManager, session: Session, depth: int, kind: type
) -> None:
    value: Any = kind()
    for _ in range(depth - 2):
        value = [value] if kind is list else {"in": value}
    await session.transact(lambda data: data.update(list=[]))
    session["list"].append(value)
    for store_it in (session.save, lambda: session.transact(count_up)):
        with pytest.raises(SessionDataError, match="within each other"):
            await store_it()
    session["list"].clear()
    with pytest.raises(SessionDataError, match="within each other"):
        await session.transact(lambda data: data.update(list=[value]))


ALIKE: dict[str, tuple[Any, Any]] = {
    "tuple": ([1], (1,)),
    "Enum": ("red", Colour.RED),
    "str Enum": ("s", Size.SMALL),
    "int Enum": (1, Level.ONE),
    "UUID": (str(UUID(int=1)), UUID(int=1)),
    "NaN": (None, float("nan")),
    "str subclass as key": ({"a": 1}, {Text("a"): 1}),
    "str Enum as key": ({"s": 1}, {Size.SMALL: 1}),
    "Fragment": ({"a": 1}, orjson.Fragment(b'{"a":1}')),
}
"""What is stored, and what the codec writes in the same way."""


@pytest.mark.parametrize(("kept", "alike"), ALIKE.values(), ids=ALIKE)
@pytest.mark.parametrize("size", [0, 1_000], ids=["small", "large"])
async def test_what_would_be_written_like_what_is_stored_is_refused_too(
    sessions: SessionManager, session: Session, kept: Any, alike: Any, size: int
) -> None:
    session["text"] = "x" * size
    session["list"] = [kept]
    await session.save()
    session["list"][0] = alike
    for store_it in (session.save, lambda: session.transact(count_up)):
        with pytest.raises(SessionDataError) as refused:
            await store_it()
        assert str(refused.value.path).startswith("list[0]")
    with pytest.raises(SessionDataError):
        await (await again(sessions, session)).transact(lambda data: data.update(list=[alike]))
    assert same((await again(sessions, session))["list"], [kept])


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
async def test_only_data_with_a_fault_are_walked_through(
    sessions: SessionManager, session: Session, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Python, value by value: with 32 KB that costs more than all else that a request does."""
    walked: list[Any] = []
    session["list"] = [kept, "more" * 200]
    for name in ("check_item", "_check"):
        monkeypatch.setattr(f"app.sessions.values.{name}", walked.append)
    await session.save()
    session["list"].append(kept)
    await session.transact(count_up)
    assert not (await again(sessions, session)).modified
    assert walked == []


def same(one: Any, other: Any) -> bool:
    """Return True if two values are equal, and of one type at every depth, order of keys included."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return same([*one, *one.values()], [*other, *other.values()])
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is float:
        return repr(one) == repr(other)
    return bool(one == other)


def strange() -> st.SearchStrategy[Any]:
    """Return values of many types that JSON has, and of many that it has not."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**65), 2**65),
        st.floats(),
        st.text(st.characters()),
        st.text(st.characters(categories=["Cs", "L"])),
        st.binary(max_size=3),
        st.decimals(),
        st.fractions(),
        st.uuids(),
        st.datetimes(),
        st.dates(),
        st.times(),
        st.timedeltas(),
        st.complex_numbers(),
        st.sampled_from([*REFUSED.values(), *KEPT.values()]),
    )


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return containers of all kinds, with keys of all kinds."""
    keys = st.text(max_size=3) | st.integers() | st.sampled_from([None, True, 1.5, Size.SMALL])
    lists = st.lists(inner, max_size=3)
    dicts = st.dictionaries(st.text(max_size=3), inner, max_size=3)
    return st.one_of(
        lists,
        dicts,
        lists.map(tuple),
        lists.map(Names),
        dicts.map(Map),
        dicts.map(OrderedDict),
        st.dictionaries(keys, inner, max_size=2),
        st.sets(st.integers(), max_size=2),
    )


VALUES = st.recursive(strange(), around, max_leaves=6)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def kept(any_store: StoreSettings, runner: asyncio.Runner) -> Iterator[SessionManager]:
    """A manager for all examples, on each store in turn."""
    sessions = SessionManager(new_store(any_store), Policy(idle=60, absolute=60))
    yield sessions
    runner.run(sessions.aclose())


@pytest.mark.proof
@settings(
    deadline=None,
    derandomize=not PROOF,
    max_examples=times(100, of=300),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(value=VALUES, nested_later=st.booleans(), size=st.sampled_from([0, 1_000]))
def test_every_value_is_refused_or_comes_back_equal_and_of_the_same_type(
    runner: asyncio.Runner, kept: SessionManager, value: Any, nested_later: bool, size: int
) -> None:
    """Whichever way it gets in: by an assignment, or into a list that is there already."""

    async def keep() -> Any:
        session = await kept.create()
        session["list"], session["text"] = [None], "x" * size
        await session.save()
        session = await again(kept, session)
        if nested_later:
            session["list"][0] = value
        else:
            session["list"] = [value]
        await session.save()
        return (await again(kept, session))["list"][0]

    if same(value, _through_json(value)):
        assert same(runner.run(keep()), value)
        return
    with pytest.raises(SessionDataError) as refused:
        runner.run(keep())
    assert str(refused.value.path).startswith("list[0]")


def _through_json(value: Any) -> Any:
    """Return what the standard library's JSON makes of a value; nothing equals what it refuses."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        beyond = [each for each in _integers(value) if not -(2**63) <= each < 2**64]
        return object() if beyond else json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return object()


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _integers(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _integers(each)
