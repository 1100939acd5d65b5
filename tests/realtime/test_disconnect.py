"""How a socket is told why it is closed, for each reason: a final one is a DISCONNECT."""

from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from app.realtime.disconnect import disconnect_socket
from app.realtime.engineio.websocket import GOING_AWAY, NORMAL_CLOSURE
from app.realtime.registry import SocketRegistry
from app.realtime.session_sockets import Connection, Member
from app.sessions import EndReason

FINAL = {EndReason.LOGOUT, EndReason.REVOKED}


@pytest.fixture
def registry() -> SocketRegistry:
    """That of a node without sockets."""
    return SocketRegistry(Mock())


@pytest.fixture
def connection(registry: SocketRegistry) -> Connection:
    """One with a socket in two namespaces, and one in a third that is still connecting."""
    connection = registry.register("eio", "key")
    for namespace in ("/", "/admin"):
        member = registry.enter(connection, namespace, namespace)
        registry.set_connected(member, connected=True)
    registry.enter(connection, "/late", "late")
    return connection


class Sender:
    """What a PacketSender is asked for, in order."""

    def __init__(self) -> None:
        self.transport = Mock(closing=False, close=AsyncMock())
        self.engine = Mock(sockets={"eio": self.transport})
        self.sent: list[tuple[str, str]] = []

    def send_last(
        self, member: Member, event: str, value: dict[str, Any], *, disconnects: bool
    ) -> None:
        assert event == "session ended"
        assert not self.transport.close.called
        self.sent.append((str(value["reason"]), member.namespace))
        self.sent += [("DISCONNECT", member.namespace)] * disconnects


@pytest.mark.parametrize("reason", EndReason)
async def test_a_client_is_to_stay_away_for_final_reasons_alone(
    connection: Connection, reason: EndReason
) -> None:
    sender = Sender()
    await disconnect_socket(sender, connection, reason)  # type: ignore[arg-type] # as much as is used

    final = reason in FINAL
    each = [[(str(reason), name), *([("DISCONNECT", name)] * final)] for name in ("/", "/admin")]
    assert sender.sent == [*each[0], *each[1]]
    code = NORMAL_CLOSURE if final else GOING_AWAY
    sender.transport.close.assert_awaited_once_with(code=code, comes_back=not final)
    assert connection.closed_for is reason


@pytest.mark.parametrize("which", ["none is connected", "an event of its own ends it"])
async def test_who_cannot_be_told_yet_is_marked(
    registry: SocketRegistry, connection: Connection, which: str
) -> None:
    if which == "none is connected":
        for member in list(connection.members.values()):
            registry.set_connected(member, connected=False)
    else:
        connection.ending = True
    sender = Sender()
    await disconnect_socket(sender, connection, EndReason.LOGOUT)  # type: ignore[arg-type] # as above
    assert (sender.sent, connection.pending_close) == ([], EndReason.LOGOUT)
    sender.transport.close.assert_not_awaited()


async def test_who_is_being_closed_is_told_no_second_reason(connection: Connection) -> None:
    sender = Sender()
    sender.transport.closing = True
    await disconnect_socket(sender, connection, EndReason.LOGOUT)  # type: ignore[arg-type] # as above
    sender.engine.sockets.clear()
    await disconnect_socket(sender, connection, EndReason.LOGOUT)  # type: ignore[arg-type] # as above
    assert (sender.sent, connection.closed_for) == ([], None)
