"""Log lines of one kind are limited, whoever writes them."""

import logging

import pytest

from app.asgi.limits import LINES, LINES_SECONDS
from app.log_limit import LineLimit

pytestmark = pytest.mark.fast


def _record(message: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("library", level, __file__, 1, message, (), None)


def test_so_many_lines_of_a_kind_pass_in_a_second_and_the_next_says_how_many_did_not() -> None:
    now = 0.0
    limit = LineLimit(clock=lambda: now)
    passed = [limit.filter(_record("socket connected")) for _ in range(LINES + 5)]
    assert passed == [True] * LINES + [False] * 5
    assert limit.filter(_record("another kind"))

    now = LINES_SECONDS
    later = _record("socket connected")
    assert limit.filter(later)
    assert later.__dict__["unsaid"] == 5


def test_lines_for_debugging_are_not_limited() -> None:
    limit = LineLimit(clock=lambda: 0.0)
    assert all(limit.filter(_record("packet", logging.DEBUG)) for _ in range(LINES * 3))


def test_messages_that_differ_each_time_take_no_more_and_more_memory() -> None:
    limit = LineLimit(clock=lambda: 0.0)
    for number in range(5_000):
        assert limit.filter(_record(f"message {number}"))
    assert len(limit._allowances) <= 1_000
