"""What is on its way to other nodes: the messages for one node in one turn of the event loop go together."""

import asyncio

from .messages import CarryMessage, Parcel
from .streams import NodeStreams

_TOGETHER_BYTES = 65_536
"""Beyond so many, messages go one by one."""

_TOGETHER = 32

Sent = asyncio.Future[bool]


class Outbox:
    """Sends messages in the order of the calls, but for what is sent again.

    Args:
        streams: by which they go.
    """

    def __init__(self, streams: NodeStreams) -> None:
        self._streams = streams
        self._waiting: dict[str, list[tuple[Parcel, Sent]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, node: str, message: CarryMessage) -> Sent:
        """Send a message; the future says whether the node is there, or raises BusUnavailableError."""
        loop = asyncio.get_running_loop()
        sent: Sent = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.setdefault(node, []).append((message.parcel(), sent))
        return sent

    def send_and_forget(self, node: str, message: CarryMessage) -> None:
        """Send a message that need not arrive."""
        self.send(node, message).add_done_callback(_retrieve)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for node, messages in waiting.items():
            for together in _packs(messages):
                task = asyncio.create_task(self._send(node, together))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _send(self, node: str, messages: list[tuple[Parcel, Sent]]) -> None:
        try:
            is_there = await self._streams.send(node, [parcel for parcel, _ in messages])
        except Exception as error:  # noqa: BLE001 - each sender handles it
            for _, sent in messages:
                if not sent.done():
                    sent.set_exception(error)
        else:
            for _, sent in messages:
                if not sent.done():
                    sent.set_result(is_there)


def _packs(messages: list[tuple[Parcel, Sent]]) -> list[list[tuple[Parcel, Sent]]]:
    packs: list[list[tuple[Parcel, Sent]]] = []
    size = 0
    for each in messages:
        size += len(each[0].body)
        if not packs or len(packs[-1]) == _TOGETHER or size > _TOGETHER_BYTES:
            packs.append([])
            size = len(each[0].body)
        packs[-1].append(each)
    return packs


def _retrieve(sent: Sent) -> None:
    """Retrieve an error, so that asyncio does not report it."""
    _ = sent.cancelled() or sent.exception()
