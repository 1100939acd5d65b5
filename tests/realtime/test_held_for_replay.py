"""P19: what a socket is sent while it comes back follows what it has missed, and nothing comes twice."""

from typing import Any

from app.realtime.bodies import Body
from app.realtime.bus.base import Offset
from app.realtime.recovery.held import HeldForReplay, Sending
from app.realtime.recovery.log import Identity
from app.realtime.recovery.position import Position

FLOOR = Position("here", 5, Offset(100, 0), 0)


def position(own: int, at: int) -> Position:
    """A position of this node."""
    return Position("here", own, Offset(at, 0), 0)


class Node:
    """Sends to a socket that comes back."""

    def __init__(self) -> None:
        self.sending: Sending | None = None
        self.held = HeldForReplay(lambda: self.sending)

    def send(
        self, text: str, identity: Identity | None, at: Position, room: str | None = None
    ) -> None:
        """Send something that has an offset."""
        self.sending = Sending(identity, room, Body(text), at)
        self.held.append([])
        self.sending = None

    def settle(self, *known: Identity, rooms: tuple[str, ...] = ()) -> bool:
        """Put one packet before all that is held."""
        encode: Any = lambda body, at: (body.text, at)  # noqa: E731 - in place of a codec
        replayed: Any = ["replayed"]
        return self.held.settle(replayed, set(known).__contains__, rooms, FLOOR, encode)


def test_what_the_log_has_is_dropped_and_the_rest_follows() -> None:
    node = Node()
    node.send("known", ("there", False, 1), position(5, 90))
    node.send("own", ("here", True, 6), position(6, 90))
    node.send("later", ("there", False, 2), position(6, 110))
    assert node.settle(("there", False, 1))
    assert node.held == [
        "replayed",
        ("own", position(6, 100)),
        ("later", position(6, 110)),
    ]


def test_what_is_for_a_room_that_was_left_is_dropped() -> None:
    node = Node()
    node.send("in", ("there", False, 1), position(5, 110), "lobby")
    node.send("out", ("there", False, 2), position(5, 111), "kitchen")
    assert node.settle(rooms=("lobby",))
    assert node.held == ["replayed", ("in", position(5, 110))]


def test_what_is_within_the_floor_but_not_in_the_log_is_no_proof_of_the_rest() -> None:
    """It was sent to a room that the socket has joined here only: its last node had nothing of it."""
    for identity, at in (
        (("there", False, 1), position(5, 90)),
        (("here", True, 5), position(5, 100)),
    ):
        node = Node()
        node.send("new room", identity, at, "lobby")
        assert not node.settle(rooms=("lobby",))
        assert node.held == ["replayed", ("new room", FLOOR)]


def test_what_has_no_offset_is_kept_as_it_is() -> None:
    node = Node()
    state: Any = ["state"]
    node.held.append(state)
    node.send("to itself", None, position(5, 90))
    assert node.settle()
    node.held.append(state)
    assert node.held == ["replayed", state, ("to itself", FLOOR), state]
