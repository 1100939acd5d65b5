"""Changes: the difference between two states of a session's data, and what it does to a third."""

import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import SessionDataError, UnreadableRecordError
from app.sessions.changes import Changes, dump, dump_checked, parse
from app.sessions.values import check_containers
from tests.support.samples import PROOF, times

names = st.sampled_from(["a", "b", "c", "", "ü"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
datas = st.dictionaries(names, values, max_size=5)
steadily = settings(derandomize=not PROOF, deadline=None, max_examples=times(100, of=300))


def _exact(data: dict[str, Any]) -> dict[str, bytes]:
    """Return the values as JSON, which distinguishes 1 from 1.0 and True."""
    return {name: dump(value) for name, value in data.items()}


@pytest.mark.proof
@steadily
@given(before=datas, after=datas)
def test_changes_make_of_the_old_data_what_the_new_data_are(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    stored = dump(before)
    draft = parse(stored)
    Changes.between(stored, after).apply_to(draft)
    assert _exact(draft) == _exact(after)


@pytest.mark.proof
@steadily
@given(base=datas, mine=datas, theirs=datas)
def test_changes_touch_no_key_that_was_not_changed(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    draft = copy.deepcopy(theirs)
    Changes.between(dump(base), mine).apply_to(draft)
    was, made, other = _exact(base), _exact(mine), _exact(theirs)
    untouched = {name for name in was | made if was.get(name) == made.get(name)}
    expected = {name: text for name, text in made.items() if name not in untouched}
    expected |= {
        name: text for name, text in other.items() if name in untouched or name not in was | made
    }
    assert _exact(draft) == expected


@pytest.mark.proof
@steadily
@given(data=datas)
def test_there_are_no_changes_between_equal_data_and_none_without_access(
    data: dict[str, Any],
) -> None:
    assert not Changes.between(dump(data), copy.deepcopy(data))
    assert not Changes.between(dump(data), dict(reversed(data.items())))
    assert not Changes.between(dump(data), None)


@dataclass
class Point:
    """What JSON would give back as a dict."""

    x: int = 0


class Name(str):
    """What JSON would give back as a plain string."""

    __slots__ = ()


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), Point(), Name("a")], ids=repr)
def test_what_would_come_back_as_something_else_has_no_json_form(value: object) -> None:
    with pytest.raises(SessionDataError, match="data must be JSON: Type is not JSON serializable"):
        dump(value)
    for data in ({"a": value}, {"a": [value]}, {"a": value, "long": "x" * 600}):
        with pytest.raises(SessionDataError):
            dump_checked(data, check_containers)
        with pytest.raises(SessionDataError):
            Changes.between(b"{}", data)


@pytest.mark.parametrize("data", [b"", b"{cut off", b"[1]", b"null"])
def test_what_is_no_object_of_json_is_an_error_of_the_session(data: bytes) -> None:
    for key in ("", "a" * 64):
        with pytest.raises(UnreadableRecordError) as refused:
            parse(data, *([key] if key else []))
        assert refused.value.key == key
