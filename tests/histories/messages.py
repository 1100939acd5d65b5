"""Did each client receive each message once, in order, and was it told where one is missing?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from tests.histories.anomaly import Anomaly, Found
from tests.histories.history import Connection, History, Message, Received


def check_messages(history: History) -> Iterator[Found]:
    """Yield what is wrong with what the clients were sent."""
    by_client = sorted(history.connections, key=lambda each: (each.client, each.opened))
    for client, connections in groupby(by_client, key=lambda each: each.client):
        found = list(connections)
        spans = list(_spans(found))
        for span in spans:
            yield from _check_span(history, client, span, is_last=span is spans[-1])
        yield from _check_again(client, spans)
        yield from _check_recovered(client, found)


def _spans(connections: Sequence[Connection]) -> Iterator[list[Connection]]:
    """Cut the connections of a client where it was told that it may have missed something."""
    span: list[Connection] = []
    for each in connections:
        if span and not each.recovered:
            yield span
            span = []
        span.append(each)
    if span:
        yield span


def _check_span(
    history: History, client: int, span: Sequence[Connection], *, is_last: bool
) -> Iterator[Found]:
    received = [message for each in span for message in each.messages]
    begin = min(each.listening for each in span)
    is_open = is_last and span[-1].closed is None
    for source in {each.source for each in history.messages}:
        numbers = [each.number for each in received if each.source == source]
        for one, other in pairwise(numbers):
            if other < one:
                yield Found(Anomaly.ORDER, f"client {client}: {other} after {one} of {source}")
                break
        sent = [each for each in history.messages if each.source == source]
        until = max(numbers, default=0) if not is_open else max(_numbers(sent), default=0)
        missing = [
            each.number
            for each in sent
            if each.taken is not None
            and each.invoked > begin
            and each.number <= until
            and each.number not in set(numbers)
        ]
        if missing:
            yield Found(
                Anomaly.MISSED, f"client {client}: {missing[:5]} of {source}, {len(missing)} in all"
            )
    yield from _check_twice(client, received)
    yield from _check_unsent(history, client, received)


def _check_twice(client: int, received: Sequence[Received]) -> Iterator[Found]:
    counted = Counter((each.source, each.number) for each in received)
    twice = [each for each, times in counted.items() if times > 1]
    if twice:
        yield Found(Anomaly.RECEIVED_TWICE, f"client {client}: {twice[:5]}, {len(twice)} in all")


def _check_again(client: int, spans: Sequence[Sequence[Connection]]) -> Iterator[Found]:
    """Find what a client was sent anew by a node that had sent it before, without having recovered it.

    By another node it may come again: that one may be behind, and the client has entered the room anew.
    """
    before: set[tuple[int, str, int]] = set()
    for span in spans:
        now = {(each.node, one.source, one.number) for each in span for one in each.messages}
        if again := sorted(before & now):
            yield Found(
                Anomaly.RECEIVED_TWICE, f"client {client}: {again[:5]}, and it was not recovered"
            )
        before |= now


def _check_recovered(client: int, connections: Sequence[Connection]) -> Iterator[Found]:
    """Find a client that was told to have missed nothing, and was nowhere before, or under another id."""
    for one, other in pairwise([None, *connections]):
        if other is not None and other.recovered and (one is None or one.id != other.id):
            had = "had not been there" if one is None else f"had id {one.id}, not {other.id}"
            yield Found(Anomaly.RECOVERED, f"client {client} {had}")


def _check_unsent(history: History, client: int, received: Sequence[Received]) -> Iterator[Found]:
    sent = {(each.source, each.number): each.invoked for each in history.messages}
    for each in received:
        invoked = sent.get((each.source, each.number))
        if invoked is None or invoked > each.at:
            yield Found(Anomaly.UNSENT, f"client {client}: {each.number} of {each.source}")
            return


def _numbers(messages: Sequence[Message]) -> Iterator[int]:
    return (each.number for each in messages)
