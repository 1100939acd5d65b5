"""A polling client that costs next to nothing: what is measured is the service, not this."""

import asyncio
import json
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.issued import note_issued
from tests.support.raw import SEPARATOR

Choose = Callable[[], int]
"""Returns the port of the node that the next request goes to."""


@dataclass
class Seen:
    """What clients have seen.

    Attributes:
        polls: seconds that each poll took for which a packet was waiting, or about to come.
        posts: seconds that each post took.
        statuses: of answers other than 200, how many.
        out_of_order: acks that did not come in their turn.
        nodes_cpu: seconds of CPU that the nodes took for both.
        server_cpu: likewise of the store's server.
    """

    polls: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    out_of_order: int = 0
    nodes_cpu: float = 0.0
    server_cpu: float = 0.0


class PollingClient:
    """Sends numbers, and polls until they have come back.

    Args:
        choose: says which node each request goes to.
        seen: takes what it sees.
    """

    def __init__(self, choose: Choose, seen: Seen) -> None:
        self.choose = choose
        self.seen = seen
        self._idle: dict[int, list[tuple[StreamReader, StreamWriter]]] = {}
        self._cookie = ""
        self._path = "/socket.io/?EIO=4&transport=polling"
        self._number = 0

    async def join(self) -> None:
        """Open a socket at the node that is next, and connect."""
        opened = json.loads((await self._request("GET"))[1:])
        self._path += f"&sid={opened['sid']}"
        await self._request("POST", "40")
        await self._until("40{")

    async def exchange(self, events: int) -> None:
        """Send so many events in one post, and poll until each has its ack."""
        numbers = range(self._number, self._number + events)
        self._number += events
        began = time.perf_counter()
        await self._request(
            "POST", SEPARATOR.join(f'42{number}["echo",{number}]' for number in numbers)
        )
        self.seen.posts.append(time.perf_counter() - began)
        for number in numbers:
            if await self._until("43") != f"43{number}[{number}]":
                self.seen.out_of_order += 1

    def close(self) -> None:
        """Close the connections."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()

    _kept: list[str] = []  # noqa: RUF012 - replaced, never changed

    async def _until(self, prefix: str) -> str:
        while True:
            while self._kept:
                packet, *self._kept = self._kept
                if packet == "2":
                    await self._request("POST", "3")
                elif packet.startswith(prefix):
                    return packet
            began = time.perf_counter()
            body = await self._request("GET")
            self.seen.polls.append(time.perf_counter() - began)
            self._kept = body.split(SEPARATOR)

    async def _request(self, method: str, body: str = "") -> str:
        port = self.choose()
        free = self._idle.setdefault(port, [])
        reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"{method} {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self._cookie}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        status, headers, answer = await _read_answer(reader)
        free.append((reader, writer))
        if "set-cookie" in headers:
            note_issued([headers["set-cookie"]])
            self._cookie = headers["set-cookie"].partition(";")[0]
        if status != 200:
            self.seen.statuses[status] = self.seen.statuses.get(status, 0) + 1
            raise RefusedError(f"{status} {answer}")
        return answer


class RefusedError(Exception):
    """A request was not answered with 200."""


async def _read_answer(reader: StreamReader) -> tuple[int, dict[str, str], str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (each.partition(":") for each in fields if each)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(line.split()[1]), headers, body.decode()
