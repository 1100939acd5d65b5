"""A DNS server that knows one name, as a container network's does."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import cast

_A = 1
_INTERNET = 1
_ANSWER = 0x8180
"""Flags: a response without error, with recursion."""


class Names(asyncio.DatagramProtocol):
    """Answers every question for addresses with all of `addresses`, which may be changed."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = list(addresses)
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer a question (RFC 1035, section 4)."""
        assert self._transport is not None
        self._transport.sendto(self._answer(data), address)

    def _answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 5
        question = query[12:end]
        kind = struct.unpack("!H", question[-4:-2])[0]
        records = [_record(each) for each in self.addresses] if kind == _A else []
        head = struct.pack("!2s5H", query[:2], _ANSWER, 1, len(records), 0, 0)
        return head + question + b"".join(records)


def _record(address: str) -> bytes:
    name_of_the_question = 0xC00C
    fixed = struct.pack("!3HIH", name_of_the_question, _A, _INTERNET, 1, 4)
    return fixed + socket.inet_aton(address)


@asynccontextmanager
async def name_server(addresses: Iterable[str]) -> AsyncIterator[Names]:
    """A running server for names of these addresses."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(
        lambda: Names(addresses), local_addr=("127.0.0.1", 0)
    )
    try:
        yield names
    finally:
        transport.close()
