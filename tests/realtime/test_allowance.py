"""Allowance and Slots: so many in so many seconds; a few places for each key."""

import pytest

from app.aio.allowance import Allowance
from app.aio.slots import Slots

pytestmark = pytest.mark.fast


def test_an_allowance_is_spent_and_comes_back() -> None:
    allowance = Allowance(3, 10.0)
    assert [allowance.spend(1.0) for _ in range(5)] == [True, True, True, False, False]
    assert not allowance.spend(10.9)
    assert allowance.spend(11.0)


def test_places_are_given_on_in_order_and_nothing_is_kept_of_a_key_without_any() -> None:
    slots, granted = Slots(1), list[str]()
    assert slots.take("key", lambda: granted.append("first"))
    assert slots.take("other", lambda: granted.append("other"))
    for name in ("second", "third"):
        assert not slots.take("key", lambda name=name: granted.append(name))  # type: ignore[misc] # bound here
    slots.give("key")
    assert granted == ["second"]
    slots.give("key")
    slots.give("key")
    slots.give("other")
    assert granted == ["second", "third"]
    assert not slots._taken
    assert not slots._waiting


def test_who_waits_no_longer_is_given_no_place() -> None:
    slots, granted = Slots(1), list[str]()

    def grant() -> None:
        granted.append("late")

    slots.take("key", grant)
    slots.take("key", grant)
    slots.forget("key", grant)
    slots.give("key")
    assert not granted
    assert not slots._taken
