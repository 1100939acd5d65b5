"""Events that one socket of this node is to acknowledge, and what waits for their acks."""

import asyncio
import itertools
from typing import Any

from .bodies import Body, write_body
from .bus.messages import CallMessage, ReplyMessage
from .bus.relay import BusRelay
from .sender import PacketSender
from .session_sockets import Member


class LocalCalls:
    """Calls of sockets of this node; each socket has those that it has not acknowledged.

    Args:
        sender: sends to the sockets.
        relay: takes the acks that other nodes wait for.
    """

    def __init__(self, sender: PacketSender, relay: BusRelay) -> None:
        self._sender = sender
        self._relay = relay
        self._numbers = itertools.count()

    async def call(self, member: Member, body: Body) -> list[Any]:
        """Send an event to a socket, and return its ack; raise TimeoutError if the socket goes."""
        if member.calls is None:
            member.calls = {}
        number = next(self._numbers)
        waiting = member.calls[number] = asyncio.get_running_loop().create_future()
        encoded = self._sender.codec.encode_body(body, member.namespace, number)
        self._sender.deliver(member, encoded)
        try:
            arguments: list[Any] = await waiting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise TimeoutError("the socket has gone without an ack") from None
        finally:
            if member.calls is not None:
                member.calls.pop(number, None)
        return arguments

    def receive_ack(self, member: Member, number: int, arguments: list[Any]) -> bool:
        """Handle the ack of a call; return False if nobody waits for it."""
        waiting = (member.calls or {}).pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(arguments)
        return waiting is not None

    def forget(self, member: Member) -> None:
        """End the calls of a socket that has left."""
        for waiting in (member.calls or {}).values():
            waiting.cancel()
        member.calls = None

    async def answer(self, member: Member, message: CallMessage) -> None:
        """Send the ack of a socket to the node that has asked for it."""
        if message.body:
            try:
                answer = await self.call(member, Body.from_the_bus(message.body))
            except TimeoutError:
                return
        else:
            answer = [member.connected]
        self._relay.send(ReplyMessage(call=message.call, body=write_body(answer).on_the_bus()))
