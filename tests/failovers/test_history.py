"""The checker of histories finds what is wrong in bad ones, and nothing in good ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.failovers.history import Counted, Ended, History

BAD = {
    "lost": Counted([1, 2, 3], 0, 2),
    "answered twice": Counted([1, 2, 2], 5, 3),
    "done twice": Counted([1, 2, 4], 0, 4),
    "has ended": Counted([1], 0, None),
    "disconnected": Counted([1], 0, 1, ["io server disconnect"]),
}
BAD_ENDS = {
    "alive again": Ended(1.0, [1.1], alive=True),
    "stays open": Ended(1.0, [1.1, None]),
    "outlives": Ended(1.0, [1.1, 2.5]),
}


@pytest.mark.parametrize("anomaly", BAD)
def test_a_session_that_went_wrong_is_told(anomaly: str) -> None:
    [told] = History([BAD[anomaly]]).anomalies()
    assert anomaly in told


@pytest.mark.parametrize("anomaly", BAD_ENDS)
def test_an_end_that_went_wrong_is_told(anomaly: str) -> None:
    [told] = History(ended=[BAD_ENDS[anomaly]]).anomalies()
    assert anomaly in told


def test_an_end_without_a_master_is_measured_from_the_new_one_on() -> None:
    history = History(ended=[Ended(1.0, [4.0])], unavailable=(0.9, 3.5))
    assert list(history.anomalies()) == []
    assert history.slowest_end == 0.5


def test_an_end_just_before_the_master_went_has_its_second_from_the_new_one_on() -> None:
    history = History(ended=[Ended(1.0, [4.0])], unavailable=(1.5, 3.5))
    assert list(history.anomalies()) == []
    history.unavailable = (2.1, 3.5)
    assert len(list(history.anomalies())) == 1


def test_an_end_that_was_refused_promises_nothing() -> None:
    assert list(History(ended=[Ended(None, [], alive=True)]).anomalies()) == []


@given(st.lists(st.sampled_from(["done", "refused", "refused but done"])), st.data())
def test_a_history_of_a_true_counter_is_good_and_one_with_a_loss_is_not(
    writes: list[str], data: st.DataObject
) -> None:
    counted, count = Counted(), 0
    for write in writes:
        count += write != "refused"
        if write == "done":
            counted.acknowledged.append(count)
        else:
            counted.in_doubt += 1
    counted.count = count
    assert list(History([counted]).anomalies()) == []
    if counted.acknowledged:
        counted.count = data.draw(st.integers(0, max(counted.acknowledged) - 1))
        assert any("lost" in each for each in History([counted]).anomalies())
