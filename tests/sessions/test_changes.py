"""Changes: the difference between two states of a session's data, and what it does to a third."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions.changes import Changes, dump, parse
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
