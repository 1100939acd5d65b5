"""Refusals are logged once a second and kind, and none is forgotten."""

import logging
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.asgi.refusals import Refusal, RefusalLog


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


class Lines(logging.Handler):
    """Keeps what is logged, and when."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.said: list[tuple[float, str, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line: when it came, of which kind, and how many it says were left unsaid."""
        assert record.levelno == logging.INFO
        kind = record.getMessage().removeprefix("refused: ")
        self.said.append((self._clock.now, kind, getattr(record, "unsaid", 0)))


STEPS = st.lists(
    st.tuples(st.sampled_from([*Refusal][:3]), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 7.0]))
)


@given(steps=STEPS)
def test_each_kind_is_said_once_a_second_with_what_was_left_unsaid(
    steps: list[tuple[Refusal, float]],
) -> None:
    said, noted = _logged(steps)

    for kind in {kind for kind, _ in steps}:
        lines = [(at, unsaid) for at, named, unsaid in said if named == kind]
        times = [at for at, _ in lines]
        assert all(later - earlier >= 1.0 for earlier, later in pairwise(times))
        until_last = sum(each <= times[-1] for each in noted[kind])
        at_last = sum(each == times[-1] for each in noted[kind])
        counted = len(lines) + sum(unsaid for _, unsaid in lines)
        assert until_last - at_last < counted <= until_last


def _logged(
    steps: list[tuple[Refusal, float]],
) -> tuple[list[tuple[float, str, int]], dict[Refusal, list[float]]]:
    """Note refusals, each some time after the last; what was logged, and when each was noted."""
    clock = Clock()
    log = RefusalLog(clock)
    lines = Lines(clock)
    logger = logging.getLogger("app.asgi.refusals")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    noted: dict[Refusal, list[float]] = {kind: [] for kind in Refusal}
    try:
        for kind, after in steps:
            clock.now += after
            noted[kind].append(clock.now)
            log.note(kind, {})
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
        logger.propagate = propagate
    return lines.said, noted


def test_lines_say_how_many_were_left_unsaid() -> None:
    said, _ = _logged([(Refusal.JSONP, 0.0)] * 5 + [(Refusal.JSONP, 1.0), (Refusal.JSONP, 1.0)])

    assert [unsaid for _, _, unsaid in said] == [0, 4, 0]
