"""The checker finds what is wrong with ids, sockets and messages, and nothing in what is right."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.histories.anomaly import Anomaly
from tests.histories.checker import check, check_ids, is_behind
from tests.histories.history import (
    Connection,
    Dead,
    History,
    Kind,
    Message,
    Operation,
    Outcome,
    Received,
    Visit,
    Window,
)
from tests.histories.socket_checks import check_state

ANN = "ann"


def done(kind: Kind, at: float, number: int = 0, **more: object) -> Operation:
    """Return an operation that took from `at` to half a second later."""
    return Operation(kind, 0, number, at, at + 0.5, Outcome.OK, **more)  # type: ignore[arg-type] # of fields


def read(at: float, number: int = 0, user: str | None = None, count: int = 0) -> Operation:
    return done(Kind.READ, at, number, user=user, count=count)


def dead(at: float, number: int = 0, how: Dead = Dead.ENDED) -> Operation:
    return Operation(Kind.READ, 0, number, at, at + 0.5, Outcome.ENDED, dead=how, said=str(how))


def stranger(invoked: float, returned: float, number: int = 0) -> Operation:
    return replace(dead(invoked, number, Dead.STRANGER), returned=returned)


def doubt(kind: Kind, at: float, number: int = 0, new_id: int | None = None) -> Operation:
    return Operation(kind, 0, number, at, new_id=new_id)


def sent(*numbers: int, doubtful: Sequence[int] = ()) -> list[Message]:
    """Return messages that one node was asked for at the seconds that are their numbers."""
    return [
        Message("node 0", each, each, None if each in doubtful else each + 0.5) for each in numbers
    ]


def history(*operations: Operation, users: Sequence[str | None] = (None,)) -> History:
    return History([*operations], users=[*users], finished=100.0)


ROTATED = (None, None)
SIGNED_IN = (None, ANN)

WRONG_LIVES = {
    "served after a logout": (
        Anomaly.SERVED,
        history(done(Kind.LOGOUT, 1), read(2)),
    ),
    "served after a ban": (
        Anomaly.SERVED,
        history(done(Kind.BAN, 1), read(2, user=ANN), users=[ANN]),
    ),
    "a handshake after a logout": (
        Anomaly.SERVED,
        history(done(Kind.LOGOUT, 1), done(Kind.CONNECT, 2)),
    ),
    "the new id of a rotation served after the logout": (
        Anomaly.SERVED,
        history(done(Kind.ROTATE, 1), done(Kind.LOGOUT, 2, 1), read(3, 1), users=ROTATED),
    ),
    "the old id served after a rotation": (
        Anomaly.SERVED,
        history(done(Kind.ROTATE, 1), read(2), users=ROTATED),
    ),
    "the old id rotated once more": (
        Anomaly.SERVED,
        history(done(Kind.ROTATE, 1), done(Kind.ROTATE, 2), users=[None, None, None]),
    ),
    "the old id served after a use of the new one, where the rotation was in doubt": (
        Anomaly.SERVED,
        history(doubt(Kind.ROTATE, 1, new_id=1), read(2, 1), read(3), users=ROTATED),
    ),
    "alive again after an answer that said it is dead": (
        Anomaly.SERVED,
        history(doubt(Kind.LOGOUT, 1), dead(2), read(3)),
    ),
    "a lower count under the new id": (
        Anomaly.WENT_BACK,
        history(
            done(Kind.ROTATE, 1),
            Operation(Kind.INCREMENT, 0, 0, 0.8, 1.6, Outcome.OK, count=2),
            Operation(Kind.INCREMENT, 0, 1, 1.5, 1.8, Outcome.OK, count=1),
            users=ROTATED,
        ),
    ),
    "gone without an end": (Anomaly.GONE, history(dead(1))),
    "gone before its end": (Anomaly.GONE, history(dead(1), done(Kind.LOGOUT, 2))),
    "the new id gone without an end": (
        Anomaly.GONE,
        history(done(Kind.ROTATE, 1), dead(2, 1), users=ROTATED),
    ),
    "a stranger a second after the logout": (
        Anomaly.STRANGER,
        history(done(Kind.LOGOUT, 1), dead(2, how=Dead.STRANGER)),
    ),
    "a stranger a second after a rotation": (
        Anomaly.STRANGER,
        history(done(Kind.ROTATE, 1), dead(2, how=Dead.STRANGER), users=ROTATED),
    ),
    "a stranger, whose request was under way when the logout came": (
        Anomaly.STRANGER,
        history(done(Kind.LOGOUT, 1), stranger(0.5, 2)),
    ),
    "a stranger amid the logout": (
        Anomaly.STRANGER,
        history(done(Kind.LOGOUT, 1), stranger(1.1, 1.4)),
    ),
    "a stranger after a logout in doubt": (
        Anomaly.STRANGER,
        history(doubt(Kind.LOGOUT, 1), stranger(2, 3)),
    ),
    "a stranger after a rotation in doubt": (
        Anomaly.STRANGER,
        history(doubt(Kind.ROTATE, 1, new_id=1), read(2, 1), stranger(2.6, 3), users=ROTATED),
    ),
    "a count of the new id read under the old one, while the session moved": (
        Anomaly.WENT_BACK,
        history(
            Operation(Kind.ROTATE, 0, 0, 1, 5, Outcome.OK, new_id=1),
            Operation(Kind.INCREMENT, 0, 1, 2, 3, Outcome.OK, count=1),
            Operation(Kind.READ, 0, 0, 2.5, 3.5, Outcome.OK, count=1),
            users=ROTATED,
        ),
    ),
    "two sessions of one id, which moved to two others at once": (
        Anomaly.SERVED,
        history(
            done(Kind.ROTATE, 1, new_id=1),
            done(Kind.ROTATE, 1.2, new_id=2),
            users=[None, None, None],
        ),
    ),
    "the old id with the rights of the new one": (
        Anomaly.USER,
        history(done(Kind.SIGN_IN, 1), read(0.9, user=ANN), users=SIGNED_IN),
    ),
    "the new id without its rights": (
        Anomaly.USER,
        history(done(Kind.SIGN_IN, 1), read(2, 1), users=SIGNED_IN),
    ),
}

RIGHT_LIVES = {
    "served while it is ended": history(done(Kind.LOGOUT, 1), read(1.2), dead(1.3)),
    "refused after the logout, and later a stranger": history(
        done(Kind.LOGOUT, 1), dead(2), dead(5.3, how=Dead.STRANGER)
    ),
    "a stranger at once after a ban": history(
        done(Kind.BAN, 1), dead(2, how=Dead.STRANGER), users=[ANN]
    ),
    "a logout in doubt that did nothing": history(doubt(Kind.LOGOUT, 1), read(2), read(3)),
    "a rotation in doubt that did nothing": history(doubt(Kind.ROTATE, 1), read(2), users=ROTATED),
    "a rotation in doubt whose answer was lost": history(doubt(Kind.ROTATE, 1), dead(2)),
    "a logout in doubt, and later a stranger": history(doubt(Kind.LOGOUT, 1), stranger(5, 5.6)),
    "one in doubt and another: a stranger by the first": history(
        doubt(Kind.LOGOUT, 1), done(Kind.LOGOUT, 6), stranger(6, 7)
    ),
    "read under the old id, and counted on under the new one": history(
        done(Kind.INCREMENT, 0, count=1),
        Operation(Kind.READ, 0, 0, 0.9, 2, Outcome.OK, count=1),
        done(Kind.ROTATE, 1),
        done(Kind.INCREMENT, 1.6, 1, count=2),
        users=ROTATED,
    ),
    "a sign-in": history(done(Kind.SIGN_IN, 1), read(0), read(2, 1, ANN), users=SIGNED_IN),
}


@pytest.mark.parametrize("name", WRONG_LIVES)
def test_a_life_that_is_wrong_by_construction_is_found(name: str) -> None:
    anomaly, made = WRONG_LIVES[name]
    assert anomaly in {each.anomaly for each in check(made)}


@pytest.mark.parametrize("name", RIGHT_LIVES)
def test_a_life_that_is_right_is_let_pass(name: str) -> None:
    assert list(check(RIGHT_LIVES[name])) == []


def test_two_sessions_of_one_id_are_found_and_so_is_one_that_moves_to_its_own() -> None:
    assert list(check_ids(["session=a", "session=b"])) == []
    assert [each.anomaly for each in check_ids(["session=a", "session=a"])] == [Anomaly.SHARED]


def test_an_answer_that_nobody_was_promised_is_told() -> None:
    assert [each.anomaly for each in check(History(odd=["500"]))] == [Anomaly.ODD]


def test_a_read_in_a_failover_may_be_behind_and_one_after_it_may_not() -> None:
    write = done(Kind.INCREMENT, 1, count=1)
    made = history(write, read(2), read(4, count=1))
    assert [each.anomaly for each in check(made)] == [Anomaly.STALE]
    made.windows = [Window(0.5, 3, is_failover=True)]
    assert list(check(made)) == []
    assert is_behind(made)
    made.operations[1] = read(3.5)
    assert [each.anomaly for each in check(made)] == [Anomaly.STALE]


def test_a_state_goes_back_in_a_failover_alone_and_by_a_write_in_doubt() -> None:
    in_doubt = doubt(Kind.INCREMENT, 2)
    made = with_socket(socket(None, counts=[1, 2, 1]), COUNTED[0], in_doubt)
    assert [each.anomaly for each in check(made)] == [Anomaly.STATE_BACK]
    made.windows = [Window(1, 3, is_failover=True)]
    assert list(check(made)) == []
    made.operations[1] = COUNTED[1]
    assert [each.anomaly for each in check(made)] == [Anomaly.STATE_BACK]
    made.operations[1] = in_doubt
    made.connections[0].opened = 4.0
    assert [each.anomaly for each in check(made)] == [Anomaly.STATE_BACK]


def test_an_end_in_doubt_that_is_seen_in_a_failover_may_be_lost_and_one_that_was_told_may_not() -> (
    None
):
    made = history(doubt(Kind.LOGOUT, 1), dead(2), read(3))
    made.windows = [Window(0.5, 2.2, is_failover=True)]
    assert list(check(made)) == []
    made.operations[0] = done(Kind.LOGOUT, 1)
    assert [each.anomaly for each in check(made)] == [Anomaly.SERVED]


def test_a_write_in_doubt_that_is_read_in_a_failover_may_be_lost_and_made_under_a_newer_id() -> (
    None
):
    """The old master had it, and the session has moved on at the new one."""
    made = history(
        doubt(Kind.INCREMENT, 1),
        read(2, count=1),
        done(Kind.ROTATE, 3),
        done(Kind.INCREMENT, 4, 1, count=1),
        users=ROTATED,
    )
    made.windows = [Window(0.5, 3.5, is_failover=True)]
    assert list(check(made)) == []
    made.windows = [Window(3, 3.5, is_failover=True)]
    assert Anomaly.WENT_BACK in [each.anomaly for each in check(made)]


def test_a_clock_of_the_store_that_jumps_ends_sessions_by_minutes_and_none_by_seconds() -> None:
    made = history(read(1), dead(4, how=Dead.STRANGER))
    made.windows = [Window(2, 3, ahead=300.0)]
    assert list(check(made)) == []
    made.operations.append(read(5))
    assert [each.anomaly for each in check(made)] == [Anomaly.SERVED]
    made = history(read(1), dead(4, how=Dead.STRANGER))
    made.windows = [Window(2, 3, ahead=45.0)]
    assert [each.anomaly for each in check(made)] == [Anomaly.GONE]
    made.windows = [Window(5, 6, ahead=300.0)]
    assert [each.anomaly for each in check(made)] == [Anomaly.GONE]


def test_a_clock_of_the_store_that_jumps_ends_tombstones_early() -> None:
    made = history(done(Kind.LOGOUT, 1), dead(2, how=Dead.STRANGER))
    assert [each.anomaly for each in check(made)] == [Anomaly.STRANGER]
    made.windows = [Window(1.5, 3, ahead=45.0)]
    assert list(check(made)) == []


def visit(began: float, *uses: Operation, **more: object) -> History:
    """Return the history of one who signs in within half a second, and of a ban from 2 to 2.5."""
    signed_in = Operation(Kind.SIGN_IN, 0, 0, began, began + 0.5, Outcome.OK)
    made = history(done(Kind.BAN, 2), users=[ANN])
    made.visits = [Visit(replace(signed_in, **more), [*uses])]  # type: ignore[arg-type] # of fields
    return made


NEVER = float("inf")
IN_DOUBT = {"outcome": Outcome.UNKNOWN}

WRONG_VISITS = {
    "served after the ban": (Anomaly.SERVED, visit(1, read(3, user=ANN))),
    "served after an answer that it has ended": (
        Anomaly.SERVED,
        visit(1.8, dead(2.2), read(3, user=ANN)),
    ),
    "gone, who signed in after the ban": (Anomaly.GONE, visit(3, dead(4))),
    "gone before the ban": (Anomaly.GONE, visit(0, dead(1))),
    "served behind the ban, and then gone": (
        Anomaly.GONE,
        visit(2.2, read(3, user=ANN), dead(4)),
    ),
    "in doubt, seen to be signed in, and served after the ban": (
        Anomaly.SERVED,
        visit(0, read(1, user=ANN), read(3, user=ANN), **IN_DOUBT),
    ),
    "in doubt, seen to be signed in, and gone before the ban": (
        Anomaly.GONE,
        visit(-2, read(-1, user=ANN), dead(1), **IN_DOUBT),
    ),
    "refused a sign-in after the ban": (Anomaly.GONE, visit(3, outcome=Outcome.FAILED)),
    "signed in to another session than was opened": (
        Anomaly.GONE,
        visit(3, read(4, user=ANN), dead=Dead.STRANGER),
    ),
}

RIGHT_VISITS = {
    "ended by the ban": visit(1, read(1.5, user=ANN), dead(3)),
    "served while it was banned": visit(1, read(2.2, user=ANN), dead(3)),
    "under way with the ban, and ended": visit(2.2, dead(3)),
    "under way with the ban, and behind it": visit(2.2, read(3, user=ANN), read(4, user=ANN)),
    "under way with the ban, and refused": visit(1.8, outcome=Outcome.FAILED),
    "after the ban": visit(3, read(4, user=ANN)),
    "in doubt": visit(1, outcome=Outcome.UNKNOWN, returned=NEVER),
    "in doubt, and it was not": visit(0, dead(1), **IN_DOUBT),
    "in doubt, and ended by the ban": visit(0, read(1, user=ANN), dead(3), **IN_DOUBT),
    "in doubt, under way with the ban, and behind it": visit(2.2, read(3, user=ANN), **IN_DOUBT),
}


def test_a_clock_of_the_store_that_jumps_may_end_what_was_opened_for_a_sign_in() -> None:
    made = visit(3, read(4, user=ANN), dead=Dead.STRANGER)
    made.windows = [Window(2.9, 5, ahead=300.0)]
    assert list(check(made)) == []


@pytest.mark.parametrize("name", WRONG_VISITS)
def test_a_visit_that_is_wrong_by_construction_is_found(name: str) -> None:
    anomaly, made = WRONG_VISITS[name]
    assert [each.anomaly for each in check(made)] == [anomaly]


@pytest.mark.parametrize("name", RIGHT_VISITS)
def test_a_visit_that_is_right_is_let_pass(name: str) -> None:
    assert list(check(RIGHT_VISITS[name])) == []


def socket(closed: float | None, **more: object) -> Connection:
    return Connection(0, 1, 0, 0.5, 0.6, closed=closed, **more)  # type: ignore[arg-type] # of fields


def with_socket(connection: Connection, *operations: Operation, **more: object) -> History:
    return History([*operations], [connection], finished=100.0, **more)  # type: ignore[arg-type] # of fields


LOGOUT, ROTATION = done(Kind.LOGOUT, 1), done(Kind.ROTATE, 1)
HUNG = [Window(1.2, 9, 1)]
STOPPED = [Window(1.2, 9, 1, is_stop=True)]


def heard(at: float, closed: float) -> Connection:
    """Return a socket that was sent the message 3 so late."""
    return socket(closed, messages=[Received(at, "node 0", 3)])


def said_itself(at: float) -> History:
    """Return a socket that was sent a message so late by its own node, which had been stopped."""
    connection = socket(at + 0.1, messages=[Received(at, "node 1", 3)])
    sent_itself = [Message("node 1", 3, 2.9, 3.5)]
    return with_socket(connection, LOGOUT, messages=sent_itself, windows=STOPPED)


COUNTED = [done(Kind.INCREMENT, each, count=each) for each in (1, 2, 3)]

WRONG_SOCKETS = {
    "late": (Anomaly.OPEN, with_socket(socket(2.6), LOGOUT)),
    "open": (Anomaly.OPEN, with_socket(socket(None), LOGOUT)),
    "open after a rotation": (
        Anomaly.OPEN,
        with_socket(socket(None), ROTATION, users=[None, None]),
    ),
    "late after its node went on": (
        Anomaly.OPEN,
        with_socket(socket(10.1), LOGOUT, windows=HUNG),
    ),
    "late, and the clock of the store jumped": (
        Anomaly.OPEN,
        with_socket(socket(9), LOGOUT, windows=[Window(1, 9, ahead=300.0)]),
    ),
    "late, and another node hung": (
        Anomaly.OPEN,
        with_socket(socket(9), LOGOUT, windows=[Window(1, 9, 2)]),
    ),
    "sent away": (Anomaly.FINAL, with_socket(socket(2, final=True))),
    "sent away by a rotation": (
        Anomaly.FINAL,
        with_socket(socket(2, final=True), ROTATION, users=[None, None]),
    ),
    "an older state": (
        Anomaly.STATE_BACK,
        with_socket(socket(None, counts=[1, 3, 2]), *COUNTED),
    ),
    "a state that nobody wrote": (
        Anomaly.INVENTED,
        with_socket(socket(None, counts=[1, 4]), *COUNTED),
    ),
    "sent what came after the end, as its node went on": (
        Anomaly.AFTER_END,
        with_socket(heard(9.1, 9.2), LOGOUT, messages=sent(3), windows=STOPPED),
    ),
    "sent what its own node had sent after the end, as that must have noticed its stop": (
        Anomaly.AFTER_END,
        said_itself(3.3),
    ),
    "sent what came after a rotation": (
        Anomaly.AFTER_END,
        with_socket(
            heard(9.1, 9.2), ROTATION, messages=sent(3), windows=STOPPED, users=[None, None]
        ),
    ),
}

RIGHT_SOCKETS = {
    "in time": with_socket(socket(2.4, final=True), LOGOUT),
    "open": with_socket(socket(None, counts=[1, 1, 2]), *COUNTED),
    "sent in time what came after the end": with_socket(
        heard(3.1, 3.2), done(Kind.LOGOUT, 2), messages=sent(3)
    ),
    "sent what its own node had sent after the end, before it can have noticed its stop": (
        said_itself(3.15)
    ),
    "sent what came before the end, as its node went on": with_socket(
        heard(9.1, 9.2), done(Kind.LOGOUT, 3), messages=sent(3), windows=STOPPED
    ),
    "sent what came after the end, by a node that could not know": with_socket(
        heard(8.9, 9.2), LOGOUT, messages=sent(3), windows=HUNG
    ),
    "closed by itself": with_socket(socket(2)),
    "in time after its node went on": with_socket(socket(9.9), LOGOUT, windows=HUNG),
    "sent away as its deadline came": with_socket(
        socket(3, final=True), windows=[Window(2, 4, ahead=300.0)]
    ),
    "in doubt": with_socket(socket(None), doubt(Kind.LOGOUT, 1)),
    "sent away by a logout in doubt": with_socket(socket(3, final=True), doubt(Kind.LOGOUT, 1)),
}


@pytest.mark.parametrize("name", WRONG_SOCKETS)
def test_a_socket_that_is_wrong_by_construction_is_found(name: str) -> None:
    anomaly, made = WRONG_SOCKETS[name]
    assert [each.anomaly for each in check(made)] == [anomaly]


@pytest.mark.parametrize("name", RIGHT_SOCKETS)
def test_a_socket_that_is_right_is_let_pass(name: str) -> None:
    assert list(check(RIGHT_SOCKETS[name])) == []


def test_the_last_state_of_an_open_socket_has_to_be_the_true_one() -> None:
    made = with_socket(socket(None, counts=[1, 2]))
    assert [each.anomaly for each in check_state(made, 3)] == [Anomaly.OLD_STATE]
    assert list(check_state(made, 2)) == []
    assert list(check_state(with_socket(socket(4, counts=[1, 2])), 3)) == []


def test_a_socket_that_has_never_heard_of_what_was_counted_since_it_came_knows_nothing() -> None:
    made = with_socket(socket(None), *COUNTED)
    assert [each.anomaly for each in check_state(made, 3)] == [Anomaly.OLD_STATE]
    made = with_socket(replace(socket(None), opened=4.0), *COUNTED)
    assert list(check_state(made, 3)) == []
    made = with_socket(socket(None), doubt(Kind.INCREMENT, 1))
    assert list(check_state(made, 1)) == []


def client(
    *numbers: int, opened: float = 0.0, closed: float | None = None, recovered: bool = False
) -> Connection:
    received = [Received(50, "node 0", each) for each in numbers]
    return Connection(
        0, 0, 0, opened, opened, recovered=recovered, closed=closed, messages=received
    )


def told(messages: list[Message], *connections: Connection) -> History:
    return History([], [*connections], messages, finished=100.0)


WRONG_MESSAGES = {
    "missed": (Anomaly.MISSED, told(sent(1, 2, 3), client(1, 3))),
    "missed at the end": (Anomaly.MISSED, told(sent(1, 2, 3), client(1, 2))),
    "missed before the link was lost": (
        Anomaly.MISSED,
        told(sent(1, 2, 3), client(1, 3, closed=4), client(opened=5)),
    ),
    "missed, and recovered": (
        Anomaly.MISSED,
        told(sent(1, 2, 3), client(1, closed=2), client(3, opened=2.5, recovered=True)),
    ),
    "received twice": (Anomaly.RECEIVED_TWICE, told(sent(1, 2), client(1, 2, 2))),
    "replayed what had been received": (
        Anomaly.RECEIVED_TWICE,
        told(sent(1, 2), client(1, closed=1.8), client(1, 2, opened=2, recovered=True)),
    ),
    "replayed to who was told that something is missing": (
        Anomaly.RECEIVED_TWICE,
        told(sent(1, 2), client(1, 2, closed=2.5), client(1, 2, opened=3)),
    ),
    "recovered, who had never been there": (
        Anomaly.RECOVERED,
        told(sent(1), client(1, recovered=True)),
    ),
    "recovered under another id": (
        Anomaly.RECOVERED,
        told(sent(1), client(1, closed=2), replace(client(opened=2.5, recovered=True), id=1)),
    ),
    "out of order": (Anomaly.ORDER, told(sent(1, 2, 3), client(1, 3, 2))),
    "sent by nobody": (Anomaly.UNSENT, told(sent(1), client(1, 2))),
}

RIGHT_MESSAGES = {
    "all": told(sent(1, 2, 3), client(1, 2, 3)),
    "not what was sent before it listened": told(sent(1, 2, 3), client(2, 3, opened=1.5)),
    "one in doubt, or not": told(sent(1, 2, 3, doubtful=[1, 2]), client(2, 3)),
    "recovered": told(sent(1, 2, 3), client(1, closed=2), client(2, 3, opened=2.5, recovered=True)),
    "told that something is missing": told(
        sent(1, 2, 3), client(1, closed=2), client(3, opened=2.5)
    ),
    "again, by another node that was behind": told(
        sent(1, 2), client(1, 2, closed=2.5), replace(client(2, opened=2.2), node=1)
    ),
    "gone": told(sent(1, 2, 3), client(1, closed=2)),
}


@pytest.mark.parametrize("name", WRONG_MESSAGES)
def test_messages_that_are_wrong_by_construction_are_found(name: str) -> None:
    anomaly, made = WRONG_MESSAGES[name]
    assert [each.anomaly for each in check(made)] == [anomaly]


@pytest.mark.parametrize("name", RIGHT_MESSAGES)
def test_messages_that_are_right_are_let_pass(name: str) -> None:
    assert list(check(RIGHT_MESSAGES[name])) == []
