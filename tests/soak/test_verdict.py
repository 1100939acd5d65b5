"""The verdict of a soak: what leaks is found, and what is flat is not, however noisy."""

import random
from collections import Counter

import pytest

from tests.soak.run import Report
from tests.soak.verdict import LIMITS, Series, growth, judge, judge_all, limit_of, remaining, slope

HOUR = 3600
EVERY = 10
MB = 1_000_000


def made(level: float, per_hour: float = 0.0, noise: float = 0.0, seed: int = 1) -> Series:
    """Return an hour of a measure that rises by so much."""
    rng = random.Random(seed)
    return [
        (at, level + per_hour * at / HOUR + rng.uniform(-noise, noise))
        for at in range(0, HOUR, EVERY)
    ]


def test_the_slope_is_that_of_most_pairs_whatever_a_few_outliers_say() -> None:
    series = [(at, 2.0 * at + 5) for at in range(100)]
    for at in (0, 40, 98, 99):
        series[at] = (at, 1e9)
    assert slope(series) == pytest.approx(2.0)
    assert growth(series) == pytest.approx(2.0 * 99)


def test_a_few_points_say_nothing() -> None:
    with pytest.raises(ValueError, match="7 points say nothing"):
        slope([(at, 1.0) for at in range(7)])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "level", "noise"),
    [
        ("rss of node 0", 200 * MB, 4 * MB),
        ("blocks of node 1", 900_000, 60_000),
        ("fds of node 0", 1_200, 150),
        ("tasks of node 0", 2_300, 200),
        ("keys", 9_000, 1_000),
        ("store memory", 30 * MB, 4 * MB),
        ("lasting keys", 12, 2),
    ],
)
def test_what_is_flat_is_found_flat_in_any_noise(
    name: str, level: float, noise: float, seed: int
) -> None:
    found = judge(name, level / 2, made(level, noise=noise, seed=seed), level / 2)
    assert not found.grows
    assert not found.remains


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "level", "noise", "per_hour"),
    [
        ("rss of node 0", 200 * MB, 4 * MB, 20 * MB),
        ("blocks of node 1", 900_000, 60_000, 100_000),
        ("fds of node 0", 1_200, 150, 250),
        ("tasks of node 0", 2_300, 200, 400),
        ("keys", 9_000, 1_000, 1_800),
        ("store memory", 30 * MB, 4 * MB, 9 * MB),
        ("lasting keys", 12, 2, 40),
    ],
)
def test_what_leaks_a_little_is_found_in_an_hour(
    name: str, level: float, noise: float, per_hour: float, seed: int
) -> None:
    assert judge(name, level, made(level, per_hour, noise, seed), level).grows


def test_steps_are_growth_too() -> None:
    series = [(at, 200 * MB + 8 * MB * (at // 900)) for at in range(0, HOUR, EVERY)]
    assert judge("rss of node 0", 90 * MB, series, 90 * MB).grows


@pytest.mark.parametrize("begins", [0.15, 0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("seed", range(4))
def test_a_single_step_is_growth_whenever_it_comes(begins: float, seed: int) -> None:
    series = [
        (at, value + (500 if at > begins * HOUR else 0))
        for at, value in made(2_300, noise=200, seed=seed)
    ]
    assert judge("tasks of node 0", 15, series, 15).grows


@pytest.mark.parametrize("begins", [0.5, 0.7, 0.8])
def test_a_leak_that_begins_late_is_growth(begins: float) -> None:
    series = [
        (at, value + max(0.0, at / HOUR - begins) * 400 * MB)
        for at, value in made(200 * MB, noise=4 * MB)
    ]
    assert judge("rss of node 0", 90 * MB, series, 200 * MB).grows


def test_the_ends_of_a_short_series_are_noise() -> None:
    series = [*made(2_300)[:60], (600.0, 9_000.0)]
    assert growth(series) == 0


def test_a_saw_tooth_grows_if_its_feet_do() -> None:
    def feet(per_hour: float) -> Series:
        return [
            (at, 2_300 + at % 300 + per_hour * (at // 300 * 300) / HOUR)
            for at in range(0, HOUR, EVERY)
        ]

    assert judge("tasks of node 0", 15, feet(500), 15).grows
    assert not judge("tasks of node 0", 15, feet(0), 15).grows


def test_a_soak_in_which_nothing_was_done_or_measured_is_not_well() -> None:
    flat = [judge("tasks of node 0", 15, made(2_300), 15)]
    done = Counter({"increment": 1_000})
    assert Report(flat, done).ok
    assert not Report(flat).ok
    assert not Report([], done).ok


def test_what_falls_does_not_grow() -> None:
    assert not judge("tasks of node 0", 10, made(2_000, -1_500), 10).grows


@pytest.mark.parametrize(
    ("name", "base", "level", "left", "remains"),
    [
        ("tasks of node 0", 15, 2_000, 18, False),
        ("tasks of node 0", 15, 2_000, 19, True),
        ("fds of node 1", 20, 2_000, 24, True),
        ("lasting keys", 6, 2_000, 12, True),
        ("blocks of node 0", 400_000, 2_000_000, 450_000, False),
        ("blocks of node 0", 400_000, 2_000_000, 500_000, True),
        # Memory that was used once stays with the process, but is no more than that.
        ("rss of node 0", 90 * MB, 300 * MB, 303 * MB, False),
        ("rss of node 0", 90 * MB, 300 * MB, 310 * MB, True),
    ],
)
def test_what_is_left_when_all_have_gone(
    name: str, base: float, level: float, left: float, *, remains: bool
) -> None:
    assert judge(name, base, made(level), left).remains == remains


def test_keys_that_go_in_a_quarter_of_an_hour_say_nothing_before() -> None:
    values = dict.fromkeys(LIMITS, 100.0)
    series = {name: made(100.0, per_hour=10_000.0) for name in LIMITS}
    short = {each.name for each in judge_all(values, series, values, 150.0)}
    assert short == LIMITS.keys() - {"keys", "rss", "store memory"}
    assert {each.name for each in judge_all(values, series, values, 1_000.0)} == LIMITS.keys()


def test_a_measure_without_a_limit_is_no_measure() -> None:
    assert limit_of("fds of node 7") is LIMITS["fds"]
    with pytest.raises(KeyError):
        limit_of("handles")


def test_what_remains_is_named_but_not_what_goes_by_the_load() -> None:
    base = {"rss of node 0": 90.0 * MB, "tasks of node 0": 15.0, "lasting keys": 6.0}
    now = {"rss of node 0": 400.0 * MB, "tasks of node 0": 30.0, "lasting keys": 6.0}
    assert remaining(base, now) == ["tasks of node 0 (30, not 15)"]
