"""A TCP proxy in front of a server: it shows what was sent, and breaks the link at a chosen moment."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_MUCH = 1 << 20

Chunks = asyncio.Queue[tuple[float, bytes]]
"""What is on its way in one direction, and by when each is to arrive; an empty one is its end."""


class Proxy:
    """Passes bytes between the clients of its own port and those of a server on this machine."""

    def __init__(self, target: int) -> None:
        self.writes: list[bytes] = []
        """What clients have sent, one item for each read, also what is held back."""
        self.connections = 0
        self._target = target
        self._losing = False
        self._losing_to: bytes | None = None
        self._losing_with: bytes | None = None
        self._is_cut = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._latency = 0.0
        self._answering: bytes | None = None
        self._served: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where Redis clients find it."""
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def lose_next_reply(self) -> None:
        """Let the next request through, wait for its reply, and then cut the link instead."""
        self._losing = True

    def lose_reply_to(self, word: bytes) -> None:
        """Let the next request that has this in it through, and cut its link when the reply comes."""
        self._losing_to = word

    def lose_request_with(self, word: bytes) -> None:
        """Cut the link of the next request that has this in it, and do not let it through."""
        self._losing_with = word

    def answer_next_with(self, reply: bytes) -> None:
        """Send this instead of the server's next reply."""
        self._answering = reply

    def cut(self) -> None:
        """Cut every link, and let no new one through until `mend`."""
        self._is_cut = True
        for task in self._served:
            task.cancel()

    def send_to(self, target: int) -> None:
        """Let new links go to another port."""
        self._target = target

    def hold(self) -> None:
        """Pass nothing on until `mend`, as a network does that loses its packets: links stay."""
        self._flowing.clear()

    def slow_down(self, latency: float) -> None:
        """Have whatever is sent, either way, take so many seconds until `mend`: as many bytes, but later."""
        self._latency = latency

    def mend(self) -> None:
        """Let links through again, with all that was held back, and at once."""
        self._is_cut = False
        self._latency = 0.0
        self._flowing.set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1")

    async def aclose(self) -> None:
        """Stop listening, and cut every link."""
        assert self._server is not None
        self._server.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (asyncio.CancelledError, ConnectionRefusedError):
            pass  # asyncio's streams complain about a handler that ends so; or there is no server now
        finally:
            writer.close()
            self._served.discard(task)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        await self._flowing.wait()
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        pending_close = asyncio.Event()
        requests, replies = Chunks(), Chunks()
        pumps = [
            asyncio.create_task(self._read(reader, requests, self.writes)),
            asyncio.create_task(self._read(up_reader, replies)),
            asyncio.create_task(self._requests(requests, up_writer, pending_close)),
            asyncio.create_task(self._replies(replies, writer, pending_close)),
        ]
        try:
            await asyncio.wait(pumps[2:], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for side in (writer, up_writer):
                side.close()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _read(
        self, reader: StreamReader, chunks: Chunks, seen: list[bytes] | None = None
    ) -> None:
        # Apart from what passes it on: so that `writes` has also what comes behind something held, and
        # latency is that of each chunk, not of all before it.
        while data := await reader.read(_MUCH):
            if seen is not None:
                seen.append(data)
            chunks.put_nowait((self._now() + self._latency, data))
        chunks.put_nowait((self._now() + self._latency, b""))

    async def _next(self, chunks: Chunks) -> bytes:
        """Return the next chunk when it is due, and may pass."""
        due, data = await chunks.get()
        if (wait := due - self._now()) > 0:
            await asyncio.sleep(wait)
        if data:
            await self._flowing.wait()
        return data

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _requests(
        self, chunks: Chunks, writer: StreamWriter, pending_close: asyncio.Event
    ) -> None:
        while data := await self._next(chunks):
            if self._losing_with is not None and self._losing_with in data:
                self._losing_with = None
                return
            if self._losing_to is not None and self._losing_to in data:
                self._losing_to = None
                pending_close.set()
            if writer.is_closing():  # the server was killed; asyncio would log each write
                return
            writer.write(data)

    async def _replies(
        self, chunks: Chunks, writer: StreamWriter, pending_close: asyncio.Event
    ) -> None:
        while data := await self._next(chunks):
            if self._losing or pending_close.is_set():
                self._losing = False
                return
            if writer.is_closing():
                return
            writer.write(self._answering or data)
            self._answering = None


@asynccontextmanager
async def proxy_to(target: int) -> AsyncIterator[Proxy]:
    """A running proxy to a port of this machine."""
    proxy = Proxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.aclose()
