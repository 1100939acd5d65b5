"""The checker: all that is wrong with a history."""

from collections.abc import Iterator

from tests.histories.anomaly import Anomaly, Found
from tests.histories.counting import check_counting
from tests.histories.history import History
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
    yield from check_counting(history.operations)
    yield from check_lives(history)
    yield from check_sockets(history, within)
    yield from check_messages(history)
    yield from (Found(Anomaly.ODD, each) for each in history.odd)
