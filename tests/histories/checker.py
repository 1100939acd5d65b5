"""The checker: all that is wrong with a history."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.histories.anomaly import Anomaly, Found
from tests.histories.bans import check_bans
from tests.histories.counting import check_counting
from tests.histories.history import History, Kind, Operation
from tests.histories.lives import check_lives
from tests.histories.messages import check_messages
from tests.histories.socket_checks import check_sockets

DEADLINE_SECONDS = 1.0
"""P6."""


def check(history: History, *, within: float = DEADLINE_SECONDS) -> Iterator[Found]:
    """Yield what is wrong with a history.

    Args:
        history: what the clients of one session saw.
        within: seconds that an end has to close the session's sockets.
    """
    yield from check_counting([each for each in history.operations if not _is_loose(history, each)])
    yield from check_lives(history)
    yield from check_bans(history)
    yield from check_sockets(history, within)
    yield from check_messages(history)
    yield from (Found(Anomaly.ODD, each) for each in history.odd)


def check_ids(cookies: Iterable[str]) -> Iterator[Found]:
    """Yield what is wrong with the cookies that were given out to all clients of a round."""
    given = Counter(cookies)
    if twice := [each for each, times in given.items() if times > 1]:
        yield Found(Anomaly.SHARED, f"{len(twice)} of {len(given)}")


def is_behind(history: History) -> bool:
    """Return True if reads in a failover are what they would not be without one."""
    strict, loose = check_counting(history.operations), check(history)
    return next(strict, None) is not None and next(loose, None) is None


def _is_loose(history: History, each: Operation) -> bool:
    return each.kind is Kind.READ and history.in_failover(each)
