"""The Socket.IO protocol, case by case.

From https://socket.io/docs/v4/socket-io-protocol/.
"""

import json

import pytest

from tests.protocol.engine_cases import (  # noqa: F401 - pytest collects them from here
    TestClose,
    TestHandshakeByPolling,
    TestHandshakeByWebSocket,
    TestHeartbeat,
    TestUpgrade,
)
from tests.protocol.peer import Peer
from tests.support.service import Service

VALUE = '{"3":[true,"2",1]}'


@pytest.fixture
def node_under_test(talk: Service) -> Service:
    """A node with the events of this suite."""
    return talk


@pytest.mark.parametrize("connect", ["40", "40/,", '40{"token":"123"}'])
async def test_a_client_connects_to_the_main_namespace(peer: Peer, connect: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        answer = await websocket.join(connect)
    assert answer.startswith("40{")
    assert list(json.loads(answer[2:])) == ["sid"]


@pytest.mark.parametrize("connect", ["40/random", "40/random,", '40/random,{"token":"x"}'])
async def test_a_namespace_that_is_not_there_is_refused(peer: Peer, connect: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        assert await websocket.join(connect) == '44/random,{"message":"Invalid namespace"}'
        assert (await websocket.join()).startswith("40{")


async def test_what_is_no_packet_closes_a_socket_that_has_not_connected(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.send("4abc")
        await websocket.closed()


async def test_a_client_that_does_not_connect_is_closed(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        while (frame := await websocket.receive_or_none()) is not None:
            assert frame == "2"
            await websocket.send("3")


@pytest.mark.parametrize("frame", ['42["message",1]', '421["message-with-ack",1]', "41", "431[]"])
async def test_what_comes_before_connect_closes_the_connection(peer: Peer, frame: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.send(frame)
        assert await websocket.rest() == []


@pytest.mark.parametrize("frame", ["40", "40{}", '42/random,["message",1]', "41/random,"])
async def test_what_is_out_of_order_closes_the_connection(peer: Peer, frame: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(frame, '421["message-with-ack",1]')
        assert await websocket.rest() == []


async def test_after_its_goodbye_a_socket_stays_open_and_may_connect_again(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send("41")
        assert await websocket.receive() == "2"
        await websocket.send("3")
        assert (await websocket.join()).startswith("40{")
        await websocket.send("41", '42["message",1]')
        assert await websocket.rest() == []


async def test_an_event_is_sent_back(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(f'42["message",{VALUE}]')
        assert await websocket.receive_message() == f'42["message-back",{VALUE}]'


async def test_an_event_is_acknowledged(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(f'42456["message-with-ack",{VALUE}]')
        assert await websocket.receive_message() == f"43456[{VALUE}]"


@pytest.mark.parametrize("name", ["7", '"7"', "7.0"])
async def test_an_events_name_may_be_a_number(peer: Peer, name: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(f"421[{name}]")
        assert await websocket.receive_message() == '431["seven"]'


@pytest.mark.parametrize("frame", ["4abc", "42{}", '42abc["message-with-ack",1]', "42[true]"])
async def test_what_is_no_packet_closes_the_connection(peer: Peer, frame: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(frame)
        assert await websocket.rest() == []


@pytest.mark.parametrize(
    ("connect", "auth"),
    [("40/custom", "{}"), ("40/custom,", "{}"), ('40/custom,{"token":"123"}', '{"token":"123"}')],
)
async def test_a_client_connects_to_another_namespace(peer: Peer, connect: str, auth: str) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        answer = await websocket.join(connect)
        assert answer.startswith("40/custom,{")
        assert list(json.loads(answer[len("40/custom,") :])) == ["sid"]
        assert await websocket.receive_message() == f'42/custom,["auth",{auth}]'


async def test_namespaces_of_one_connection_have_ids_and_events_of_their_own(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        ids = [json.loads((await websocket.join())[2:])["sid"]]
        ids.append(json.loads((await websocket.join("40/custom,"))[len("40/custom,") :])["sid"])
        assert len(set(ids)) == 2
        assert await websocket.receive_message() == '42/custom,["auth",{}]'
        await websocket.send(f'42/custom,["message",{VALUE}]')
        assert await websocket.receive_message() == f'42/custom,["message-back",{VALUE}]'
        await websocket.send(f'42/custom,456["message-with-ack",{VALUE}]')
        assert await websocket.receive_message() == f"43/custom,456[{VALUE}]"
        await websocket.send('42/custom,1["bytes",1]', '42["message",1]')
        unknown = await websocket.receive_message()
        assert isinstance(unknown, str)
        assert unknown.startswith('43/custom,1[{"error":{"type":"unknown-event"')
        assert await websocket.receive_message() == '42["message-back",1]'


async def test_a_goodbye_to_one_namespace_leaves_the_others(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.join("40/custom,")
        await websocket.receive_message()
        await websocket.send("41/custom,", f'421["message-with-ack",{VALUE}]')
        assert await websocket.receive_message() == f"431[{VALUE}]"
        await websocket.send('42/custom,["message",1]')
        assert await websocket.rest() == []


async def test_a_socket_that_the_server_disconnects_may_not_know_it_yet(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.join("40/custom,")
        await websocket.receive_message()
        await websocket.send(
            '42/custom,1["leave"]', '42/custom,2["message-with-ack",1]', "41/custom,", '423["7"]'
        )
        assert await websocket.receive_message() == "41/custom,"
        assert await websocket.receive_message() == '43/custom,1["bye"]'
        assert await websocket.receive_message() == '433["seven"]'
        assert (await websocket.join("40/custom,")).startswith("40/custom,{")


async def test_bytes_are_sent_back(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(
            '452-["bytes",1,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
            b"\x01\x02\x03",
            b"\x04\x05\x06",
        )
        head = '452-["bytes-back",1,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        assert await websocket.receive_message() == head
        assert await websocket.receive_message() == b"\x01\x02\x03"
        assert await websocket.receive_message() == b"\x04\x05\x06"


async def test_bytes_are_acknowledged(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send(
            '452-789["message-with-binary-ack",'
            '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
            b"\x01\x02\x03",
            b"\x04\x05\x06",
        )
        head = '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        assert str(await websocket.receive_message()).replace(" ", "") == head
        assert await websocket.receive_message() == b"\x01\x02\x03"
        assert await websocket.receive_message() == b"\x04\x05\x06"


async def test_what_belongs_to_a_namespace_that_was_not_joined_closes_the_connection(
    peer: Peer,
) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.join()
        await websocket.send('42/custom,["message",1]', '421["message-with-ack",1]')
        assert await websocket.rest() == []
