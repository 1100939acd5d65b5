"""What is on its way to other nodes: the messages for one node in one turn of the event loop go together."""

import asyncio
from functools import partial

from .messages import CarryMessage, Parcel
from .streams import NodeStreams, Sent

_TOGETHER_BYTES = 65_536
"""Beyond so many, messages go one by one."""

_TOGETHER = 32


class Outbox:
    """Sends messages in the order of the calls, but for what is sent again.

    Args:
        streams: by which they go.
    """

    def __init__(self, streams: NodeStreams) -> None:
        self._streams = streams
        self._waiting: dict[str, list[tuple[Parcel, Sent]]] = {}

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
                parcels = [parcel for parcel, _ in together]
                self._streams.send(node, parcels).add_done_callback(partial(_tell, together))


def _tell(messages: list[tuple[Parcel, Sent]], together: Sent) -> None:
    """Hand what became of messages to those who have sent them."""
    error = None if together.cancelled() else together.exception()
    for _, sent in messages:
        if sent.done():
            continue
        if together.cancelled():
            sent.cancel()
        elif error is not None:
            sent.set_exception(error)
        else:
            sent.set_result(together.result())


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
