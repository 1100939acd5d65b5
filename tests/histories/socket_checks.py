"""Are sockets closed with their session, left alone without its end, and told the true state?"""

from collections.abc import Iterator
from itertools import pairwise

from tests.histories.anomaly import Anomaly, Found
from tests.histories.history import ENDS, MOVES, Connection, History, Operation, Outcome


def check_sockets(history: History, within: float) -> Iterator[Found]:
    """Yield what is wrong with the connections; `within` are the seconds that an end has to reach them."""
    for end in _ends(history):
        for each in _of(history, end):
            late = _late(history, each, end)
            if late > within:
                open_still = "" if each.closed is not None else ", and is open still"
                yield Found(
                    Anomaly.OPEN,
                    f"on node {each.node}, {late:.2f} s after a {end.kind}{open_still}",
                )
    for each in history.connections:
        if each.final and not _was_ended(history, each):
            yield Found(Anomaly.FINAL, f"on node {each.node}")
        for one, other in pairwise(each.counts):
            if other < one:
                yield Found(Anomaly.STATE_BACK, f"{other} after {one}, on node {each.node}")
                break


def check_state(history: History, count: int) -> Iterator[Found]:
    """Yield the connections that were open when all was quiet, and did not have the true count last."""
    for each in history.connections:
        if each.closed is None and each.counts and each.counts[-1] != count:
            yield Found(
                Anomaly.OLD_STATE, f"{each.counts[-1]} on node {each.node}, and it was {count}"
            )


def delays(history: History) -> list[float]:
    """Return by how much the sockets outlived their session, in seconds."""
    return [
        max(0.0, _late(history, each, end))
        for end in _ends(history)
        for each in _of(history, end)
        if each.closed is not None
    ]


def _ends(history: History) -> list[Operation]:
    return [
        each
        for each in history.operations
        if each.kind in ENDS | MOVES and each.outcome is Outcome.OK
    ]


def _of(history: History, end: Operation) -> list[Connection]:
    """Return the connections that an end is to close, and that were not closed before it."""
    ids = range(len(history.users)) if end.kind in ENDS else range(end.id + 1)
    return [
        each
        for each in history.connections
        if each.id in ids and (each.closed is None or each.closed > end.returned)
    ]


def _late(history: History, connection: Connection, end: Operation) -> float:
    """Return by how much a connection outlives an end, where nothing kept its node from closing it."""
    since = max(end.returned, connection.opened)
    for window in sorted(history.windows, key=lambda each: each.began):
        if window.keeps(connection.node) and window.began <= since + 1.0:
            since = max(since, window.over)
    return (history.finished if connection.closed is None else connection.closed) - since


def _was_ended(history: History, connection: Connection) -> bool:
    """Return True if something had begun that may have ended the session."""
    closed = history.finished if connection.closed is None else connection.closed
    return history.may_have_expired(closed) or any(
        each.kind in ENDS and each.invoked <= closed and each.outcome is not Outcome.FAILED
        for each in history.operations
    )
