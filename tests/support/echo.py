"""An HTTP server that answers with what it was asked, to see what a balancer hands on."""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_HEAD = b'HTTP/1.1 200 OK\r\nETag: "1"\r\n'


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    """A running server on 127.0.0.1; gives its port.

    The body of an answer is the request's head, and caches may keep it, as they may a file.
    """
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(b"%sContent-Length: %d\r\n\r\n%s" % (_HEAD, len(head), head))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
