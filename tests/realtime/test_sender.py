"""What leaves a node that has noticed a stop: the end of a session at once, all else when it has looked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.realtime.disconnect import disconnect_socket
from app.realtime.events import EventRouter
from app.realtime.sender import PacketSender
from app.realtime.session_sockets import Connection
from app.sessions import EndReason
from tests.realtime.in_process import PollingClient, new_manager, new_service, polling_client


@asynccontextmanager
async def one_client() -> AsyncIterator[tuple[PacketSender, Connection, PollingClient]]:
    """What sends on a node, the one connection there, and its client."""
    manager = new_manager()
    service = new_service(EventRouter(), manager=manager)
    service.start()
    try:
        async with polling_client(service, manager) as client:
            [connection] = service.registry.all()
            yield service.sender, connection, client
    finally:
        await service.aclose()


async def test_what_is_held_for_a_socket_whose_session_has_ended_is_never_sent() -> None:
    async with one_client() as (sender, connection, client):
        sender.is_stopped = lambda: True
        sender.send_event(connection.members.values(), "said", "of nobody's business any more")

        await disconnect_socket(sender, connection, EndReason.LOGOUT)
        sender.is_stopped = lambda: False
        sender.release()

        assert await client.poll() == ['42["session ended",{"reason":"logout"}]', "41"]


async def test_what_is_held_for_a_socket_is_sent_when_the_node_has_checked() -> None:
    async with one_client() as (sender, connection, client):
        sender.is_stopped = lambda: True
        sender.send_event(connection.members.values(), "said", 1)
        sender.is_stopped = lambda: False
        sender.release()

        assert await client.poll() == ['42["said",1]']


async def test_a_client_that_connects_while_its_node_has_noticed_a_stop_is_answered_before_its_end() -> (
    None
):
    """A DISCONNECT that no CONNECT was answered before belongs to nothing that a client knows."""
    async with one_client() as (sender, connection, client):
        [member] = connection.members.values()
        member.held = [sender.codec.encode_event("said", 1, namespace="/")]
        sender.is_stopped = lambda: True
        sender.greet(member)

        await disconnect_socket(sender, connection, EndReason.LOGOUT)

        answer, *rest = await client.poll()
        assert answer == f'40{{"sid":"{member.sid}"}}'
        assert rest == ['42["session ended",{"reason":"logout"}]', "41"]
