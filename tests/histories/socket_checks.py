"""Are sockets closed with their session, left alone without its end, and told the true state?"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from app.realtime.stop_detector import TOLERANCE_SECONDS
from tests.histories.anomaly import Anomaly, Found
from tests.histories.history import (
    ENDS,
    MOVES,
    Connection,
    History,
    Kind,
    Operation,
    Outcome,
    Received,
    Window,
)


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
    yield from _check_after_end(history, within)
    yield from _check_counts(history)
    for each in history.connections:
        if each.final and not _was_ended(history, each):
            yield Found(Anomaly.FINAL, f"on node {each.node}")


def check_state(history: History, count: int) -> Iterator[Found]:
    """Yield the connections that were open when all was quiet, and did not have the true count last."""
    for each in history.connections:
        if each.closed is None and not knows(history, each, count):
            heard = each.counts[-1] if each.counts else "nothing"
            yield Found(Anomaly.OLD_STATE, f"{heard} on node {each.node}, and it was {count}")


def knows(history: History, connection: Connection, count: int) -> bool:
    """Return True if a connection has the true count last, or has had no reason to be told of any."""
    if connection.counts:
        return connection.counts[-1] == count
    return not any(
        each.kind is Kind.INCREMENT
        and each.outcome is Outcome.OK
        and each.once is None
        and each.invoked > connection.opened
        for each in history.operations
    )


def delays(history: History) -> list[float]:
    """Return by how much the sockets outlived their session, in seconds."""
    return [
        max(0.0, _late(history, each, end))
        for end in _ends(history)
        for each in _of(history, end)
        if each.closed is not None
    ]


def _check_counts(history: History) -> Iterator[Found]:
    """Find states that nobody wrote, and older ones behind newer ones."""
    writes = sum(
        each.kind is Kind.INCREMENT and each.outcome is not Outcome.FAILED
        for each in history.operations
    )
    for each in history.connections:
        unwritten = [count for count in each.counts if not 0 <= count <= writes]
        if unwritten:
            yield Found(Anomaly.INVENTED, f"a state of {unwritten[0]}, on node {each.node}")
        for one, other in pairwise(each.counts):
            if other < one and not _may_go_back(history, each):
                yield Found(Anomaly.STATE_BACK, f"{other} after {one}, on node {each.node}")
                break


def _may_go_back(history: History, connection: Connection) -> bool:
    """Return True if a failover may have lost a write in doubt that a socket was told of (P16)."""
    return any(
        window.is_failover
        and connection.opened <= window.over
        and (connection.closed is None or connection.closed >= window.began)
        and any(
            each.kind is Kind.INCREMENT
            and each.outcome is Outcome.UNKNOWN
            and each.invoked <= window.over
            for each in history.operations
        )
        for window in history.windows
    )


def _check_after_end(history: History, within: float) -> Iterator[Found]:
    """Find what was sent when a session had ended, and reached its sockets all the same.

    A node that was stopped looks at its sessions before it sends anything, if it was for as long as it takes
    to notice. What others send comes behind the end anyway; what it sends itself, at once.
    """
    sent = {(each.source, each.number): each.invoked for each in history.messages}
    awake = [each for each in history.windows if not each.is_stop]
    for end in _ends(history):
        for connection in _of(history, end):
            until = _since(awake, connection, end) + within
            late = [
                each.at - end.returned
                for each in connection.messages
                if each.at > until
                and sent.get((each.source, each.number), 0.0) > end.returned
                and not _was_not_noticed(history, connection, each)
            ]
            if late:
                yield Found(
                    Anomaly.AFTER_END,
                    f"on node {connection.node}, {late[0]:.2f} s after a {end.kind}",
                )


def _was_not_noticed(history: History, connection: Connection, message: Received) -> bool:
    """Return True for what a node has sent to its own sockets within two seconds since it was stopped."""
    return message.source == f"node {connection.node}" and any(
        each.is_stop
        and each.node == connection.node
        and each.began <= message.at < each.began + TOLERANCE_SECONDS
        for each in history.windows
    )


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
    closed = history.finished if connection.closed is None else connection.closed
    return closed - _since(history.windows, connection, end)


def _since(windows: Sequence[Window], connection: Connection, end: Operation) -> float:
    """Return from when on a connection's node could act upon an end."""
    since = max(end.returned, connection.opened)
    for window in sorted(windows, key=lambda each: each.began):
        if window.keeps(connection.node) and window.began <= since + 1.0:
            since = max(since, window.over)
    return since


def _was_ended(history: History, connection: Connection) -> bool:
    """Return True if something had begun that may have ended the session."""
    closed = history.finished if connection.closed is None else connection.closed
    return history.may_have_expired(closed) or any(
        each.kind in ENDS and each.invoked <= closed and each.outcome is not Outcome.FAILED
        for each in history.operations
    )
