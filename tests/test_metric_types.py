"""Our counters and histograms show what the library's would."""

import threading
from collections.abc import Iterator
from math import inf
from typing import Any

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from app import metric_types
from app.metric_types import SECONDS, Count, Counter, Histogram

AMOUNTS = st.lists(st.sampled_from([0.0, 0.005, 0.0051, 0.75, 10.0, 10.1, 1e9]), max_size=30)
LABELS = st.lists(st.sampled_from(["a", "b", 'a "quoted" one\n']), max_size=10)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    registry = CollectorRegistry()
    monkeypatch.setattr(metric_types, "REGISTRY", registry)
    return registry


@pytest.fixture(autouse=True)
def without_creation_times() -> Iterator[None]:
    """Have the library leave out what ours never show."""
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # theirs
    yield
    prometheus_client.enable_created_metrics()  # type: ignore[no-untyped-call] # theirs


def shown(*metrics: Any) -> str:
    registry = CollectorRegistry()
    for metric in metrics:
        registry.register(metric)
    return generate_latest(registry).decode()


@given(labels=LABELS)
def test_counts_are_shown_as_the_librarys(labels: list[str]) -> None:
    registry = CollectorRegistry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metric_types, "REGISTRY", registry)
        one = Counter("some_things", "What is counted.", ["kind"])
    other = prometheus_client.Counter("some_things", "What is counted.", ["kind"], registry=None)
    for label in labels:
        one.labels(label).inc()
        other.labels(label).inc()
    assert generate_latest(registry).decode() == shown(other)


@given(amounts=AMOUNTS)
def test_distributions_are_shown_as_the_librarys(amounts: list[float]) -> None:
    registry = CollectorRegistry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metric_types, "REGISTRY", registry)
        one = Histogram("some_seconds", "A duration.", ["verb"])
        alone = Histogram("other_seconds", "A duration.", buckets=(0.1, 1.0))
    other = prometheus_client.Histogram("some_seconds", "A duration.", ["verb"], registry=None)
    second = prometheus_client.Histogram(
        "other_seconds", "A duration.", buckets=(0.1, 1.0), registry=None
    )
    for amount in amounts:
        for each in (one.labels("load"), other.labels("load"), alone, second):
            each.observe(amount)
    assert generate_latest(registry).decode() == shown(other, second)


def test_the_buckets_are_those_that_the_library_has_by_default() -> None:
    assert (*SECONDS, inf) == prometheus_client.Histogram.DEFAULT_BUCKETS


def test_a_family_without_labels_starts_at_zero(ours: CollectorRegistry) -> None:
    Counter("nothing_yet", "None of it.")

    assert ours.get_sample_value("nothing_yet_total") == 0


def test_another_number_of_labels_is_refused(ours: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="some_things"):
        Counter("some_things", "What is counted.", ["kind"]).labels()
    with pytest.raises(ValueError, match="some_seconds"):
        Histogram("some_seconds", "A duration.", ["verb"]).labels("a", "b")


def test_a_second_family_of_one_name_is_refused(ours: CollectorRegistry) -> None:
    Counter("some_things", "What is counted.")

    with pytest.raises(ValueError, match="Duplicated"):
        Counter("some_things", "What is counted.")


def test_threads_that_ask_for_one_count_get_the_same(ours: CollectorRegistry) -> None:
    family = Counter("some_things", "What is counted.", ["kind"])
    found: list[Count] = []
    begin = threading.Barrier(8)

    def ask() -> None:
        begin.wait()
        found.extend(family.labels(str(number)) for number in range(200))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 200
