"""The head of a response is what uvicorn writes, and what it refuses is refused."""

import asyncio
import logging
from typing import Any
from unittest.mock import Mock

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server.http_response import FastResponse

LENGTH = (b"content-length", b"2")


async def sent(
    cls: type[RequestResponseCycle], fields: list[Any], status: int, method: str, keep_alive: bool
) -> tuple[bytes, str, bool, bool]:
    """What is written, the error, whether a response has started, and whether the connection is closed."""
    transport = Mock(spec=asyncio.Transport)
    response = cls(
        scope={"type": "http", "method": method},  # type: ignore[typeddict-item] # no more of it is read
        transport=transport,
        flow=FlowControl(transport),
        logger=logging.getLogger(),
        access_logger=logging.getLogger(),
        access_log=False,
        default_headers=[(b"date", b"now")],
        message_event=asyncio.Event(),
        expect_100_continue=True,
        keep_alive=keep_alive,
        on_response=Mock(),
    )
    error = ""
    try:
        await response.send({"type": "http.response.start", "status": status, "headers": fields})
        await response.send({"type": "http.response.body", "body": b"ok"})
    except Exception as raised:  # noqa: BLE001 - compared
        error = repr(raised)
    written = b"".join(call.args[0] for call in transport.write.call_args_list)
    return written, error, response.response_started, transport.close.called


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(
    ("status", "method"), [(200, "GET"), (200, "HEAD"), (204, "GET"), (999, "GET")]
)
@pytest.mark.parametrize(
    "fields",
    [
        [],
        [LENGTH],
        [LENGTH, (b"vary", b"Cookie"), (b"vary", b"Origin"), (b"x-tab", b"a\tb"), (b"x", b"\xe9")],
        [(b"Content-Length", b"2"), (b"X-Request-ID", b"1")],
        [LENGTH, LENGTH],
        [LENGTH, (b"content-length", b"3")],
        [(b"content-length", b"1")],
        [(b"content-length", b"3")],
        [(b"content-length", b"two")],
        [LENGTH, (b"transfer-encoding", b"chunked")],
        [LENGTH, (b"connection", b"close")],
        [LENGTH, (b"x", b"a\r\nset-cookie: b")],
        [LENGTH, (b"x", b"\x7f")],
        [LENGTH, (b"x: y\r\nz", b"a")],
        [LENGTH, (b"x y", b"a")],
        [LENGTH, (b"x_y", b"a")],
        [LENGTH, ("x", "a")],
        [LENGTH, (b"x",)],
    ],
    ids=str,
)
async def test_a_response_is_written_as_the_library_writes_it(
    fields: list[Any], status: int, method: str, *, keep_alive: bool
) -> None:
    ours = await sent(FastResponse, fields, status, method, keep_alive)
    theirs = await sent(RequestResponseCycle, fields, status, method, keep_alive)
    assert ours == theirs
