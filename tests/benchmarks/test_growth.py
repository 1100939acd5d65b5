"""What is made of the figures of growth; and that its smallest part runs."""

import pytest

from benchmarks import without_files
from benchmarks.growth import PARTS, table
from benchmarks.load import Sample
from benchmarks.model import million
from benchmarks.sessions import in_fresh_process

_FIGURES: dict[str, dict[str, Sample]] = {
    "nodes": {
        "of 1, 1 a session": {"tabs": 1, "nodes_cpu_us": 50.0, "redis_cpu_us": 10.0},
        "of 4, 1 a session": {"tabs": 1, "nodes_cpu_us": 60.0, "redis_cpu_us": 12.0},
        "of 4, 2 a session": {"tabs": 2, "nodes_cpu_us": 99.0, "redis_cpu_us": 99.0},
    },
    "fan-out": {"to one of 4": {"nodes": 4}},
    "sockets": {
        "10,000": {"sockets": 10_000, "memory_kib_a_socket": 9.0, "cpu_share": 0.01},
        "50,000": {
            "sockets": 50_000,
            "memory_kib_a_socket": 10.0,
            "cpu_share": 0.1,
            "open_cpu_us_a_socket": 500.0,
        },
    },
    "without-files": {"50,000": {"sockets": 50_000}},
    "sessions": {"memory": {"bytes_a_session": 600.0}, "redis": {"bytes_a_session": 2**30 / 1e6}},
}


def test_a_million_sockets_are_calculated_from_the_largest_that_was_measured() -> None:
    text = "\n".join(million(_FIGURES))

    assert "memory of all nodes: 9.5 GiB" in text
    assert "at rest: 2.00" in text
    # 16,667 events a second of 60 µs.
    assert "for events: 1.00" in text
    assert "to plan for, 50% busy: 6.0" in text
    assert "Redis for events: 0.20" in text
    assert "Redis for sessions: 1.00 GiB" in text
    assert "open all of them: 500 s" in text


def test_the_model_is_left_out_where_a_part_was_not_measured() -> None:
    assert _FIGURES.keys() == PARTS.keys()
    part = {name: samples for name, samples in _FIGURES.items() if name != "sockets"}

    assert "a million sockets" in table(_FIGURES)
    assert "a million sockets" not in table(part)


@pytest.mark.parametrize("store", ["memory", "redis"])
def test_a_session_takes_between_a_hundred_bytes_and_two_thousand(store: str) -> None:
    figures = in_fresh_process(store, 5_000)

    assert 100 < figures["bytes_a_session"] < 2_000


def test_a_socket_without_a_file_takes_a_node_between_five_and_thirty_kib() -> None:
    figures = without_files.in_fresh_process(300, rest_seconds=1.0)

    assert figures["sockets"] == 300
    assert 5 < figures["memory_kib_a_socket"] < 30
    assert 100 < figures["open_cpu_us_a_socket"] < 10_000
