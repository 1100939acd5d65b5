"""What is made of the rounds: pairs, the verdict on their spread, the table."""

import pytest

from benchmarks import plot
from benchmarks.report import Line, lines, markdown, table
from benchmarks.spread import FEWEST, WIDEST, Spread, ratios, spread
from benchmarks.world import Results

_GOAL = 1.8
"""Of `socket incr` a second on Redis, beside Node."""


def _rates(*values: float) -> list[dict[str, float]]:
    return [
        {"rate": value, "p99_ms": 1.0, "cpu_us": 9.0, "busy": 0.9, "load_busy": 0.4, "others": 0.02}
        for value in values
    ]


def _figures(node: list[float], ours: list[float]) -> dict[str, dict[str, Results]]:
    both = {"node": _rates(*node), "mooring": _rates(*ours)}
    return {"incr-socket": {"redis": both}}


def _rate_line(node: list[float], ours: list[float]) -> Line:
    return next(line for line in lines(_figures(node, ours)) if line.row.metric == "rate")


def test_ratios_are_taken_of_rounds_that_were_neighbours() -> None:
    # The machine was half as fast in the second round: both were, and no ratio shows it.
    assert ratios([200.0, 100.0, 220.0], [100.0, 50.0, 110.0]) == [2.0, 2.0, 2.0]


def test_a_round_without_its_other_half_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def test_there_is_no_figure_where_theirs_was_too_small_to_measure() -> None:
    results = {
        "node": [{"cpu_us": each} for each in (9.0, 0.0, 9.0)],
        "mooring": [{"cpu_us": 1.0}] * 3,
    }

    [line] = lines({"reload": {"redis": results}})

    assert (line.figure, line.verdict) == (None, "")
    assert "too wide" in table({"reload": {"redis": results}})


def test_quartiles_leave_out_what_one_round_in_five_did() -> None:
    assert spread([2.0, 9.0, 2.1, 1.9, 2.0]) == Spread(low=2.0, middle=2.0, high=2.1, count=5)


def test_a_spread_is_too_wide_beyond_its_limit_alone() -> None:
    within = Spread(low=1.0, middle=1.0, high=1.0 + WIDEST, count=7)
    beyond = Spread(low=1.0, middle=1.0, high=1.01 + WIDEST, count=7)

    assert (within.too_wide, beyond.too_wide) == (False, True)


def test_one_number_has_no_quartiles() -> None:
    assert spread([3.0]).too_few
    assert not spread([3.0] * FEWEST).too_few


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([1.95, 2.0, 2.05], "met"),
        ([1.75, 1.82, 1.9], "met, in the spread"),
        ([1.7, 1.78, 1.85], "missed, in the spread"),
        ([1.5, 1.55, 1.6], "missed"),
        ([2.0], "one run"),
        ([1.0, 2.0, 4.0], ""),
    ],
)
def test_the_verdict_says_whether_the_goal_lies_within_the_spread(
    ours: list[float], verdict: str
) -> None:
    line = _rate_line([1.0] * len(ours), ours)

    assert line.wanted == _GOAL
    assert line.verdict == verdict


def test_a_spread_that_is_too_wide_gives_no_figure() -> None:
    line = _rate_line([100.0] * 3, [100.0, 200.0, 400.0])

    [shown] = [
        text
        for text in table(_figures([100.0] * 3, [100.0, 200.0, 400.0])).splitlines()
        if "events/s" in text
    ]

    assert line.figure is None
    assert "too wide" in shown
    assert "2.00" not in shown


def test_where_less_is_better_a_ratio_below_the_goal_meets_it() -> None:
    results = {"node": [{"cpu_us": 10.0}] * 3, "mooring": [{"cpu_us": 0.9}] * 3}

    [line] = lines({"reload": {"redis": results}})

    assert (line.wanted, line.verdict) == (0.10, "met")


def test_a_row_has_a_line_for_each_system_beside_ours() -> None:
    results = {name: [{"cpu_us": 10.0}] * 3 for name in ("node", "mooring", "peer")}

    found = [(line.ours, line.base) for line in lines({"reload": {"redis": results}})]

    assert found == [("mooring", "node"), ("mooring", "peer")]


def test_the_table_says_whether_the_servers_set_the_pace() -> None:
    text = table(_figures([100.0] * 3, [200.0] * 3))

    assert "servers kept their core busy to 90% and more" in text
    assert "load and Valkey took 40%" in text
    assert "other processes took 2%" in text
    assert "no quiet machine" not in text


def test_the_table_says_when_the_machine_was_not_quiet() -> None:
    figures = _figures([100.0] * 3, [200.0] * 3)
    figures["incr-socket"]["redis"]["node"][1]["others"] = 0.5

    assert "no quiet machine" in table(figures)


def test_the_markdown_has_a_row_for_each_goal() -> None:
    rows = markdown(_figures([100.0] * 3, [200.0] * 3)).splitlines()

    [rate] = [row for row in rows if "events/s" in row]
    assert rate.endswith("| 2.00 | 2.00 to 2.00 | ≥ 1.80 | met |")
    assert {row.count("|") for row in rows} == {10}


def test_the_picture_leaves_out_what_is_no_figure() -> None:
    good = plot.svg(_figures([100.0] * 3, [200.0] * 3))
    wide = plot.svg(_figures([100.0] * 3, [100.0, 200.0, 400.0]))

    assert "events/s" in good
    assert "events/s" not in wide
