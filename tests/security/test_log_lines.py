"""What a client sends forges no log line (ASVS 16.4.1): each line is one of ours, from its first byte."""

import asyncio
import json
import re

import pytest

from tests.support.raw import SEPARATOR, raw_polling, raw_websocket
from tests.support.service import Service, service

FORGED = "2026-01-01T00:00:00.000000Z [error    ] the store was emptied"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[(debug|info|warning|error) +\] ")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
BREAKS = ["\n", "\r\n", "\r", "\x0b", "\x1b[2K\x1b[1G", "\x85", "\u2028", "\0", "\x9b31m", "\x08"]
HEADERS = ["Origin", "User-Agent", "Cookie", "X-Request-ID", "X-Forwarded-For", "Host", "Upgrade"]
KINDS = [
    *("invalid-http", "unknown-transport", "unknown-socket", "foreign-origin"),
    *("unknown-event", "invalid-namespace", "bad-packet", "bad-payload"),
]
"""Of refusals, which all of that is."""


@pytest.mark.parametrize(
    "log_format", ["console", pytest.param("json", marks=pytest.mark.thorough)]
)
async def test_control_characters_forge_no_log_line(log_format: str) -> None:
    async with service(log_format=log_format) as node:
        for line_break in BREAKS:
            forged = f"a{line_break}{FORGED}"
            await _by_headers(node, forged.encode())
            await _by_path(node, forged.encode())
            await _by_packets(node, forged)
        lines = node.log().removesuffix("\n").split("\n")

    for kind in KINDS:  # how many lines there are depends on the seconds that they are spread over
        assert any(f"refused: {kind}" in line for line in lines), kind
    for line in lines:
        assert not CONTROL.search(line), ascii(line)
        if log_format == "json":
            assert isinstance(json.loads(line), dict)
        else:
            assert LINE.match(line), ascii(line)
            assert not line.startswith(FORGED)


async def _by_headers(node: Service, forged: bytes) -> None:
    for name in HEADERS:
        await _request(node, b"GET /no/such HTTP/1.1\r\n%s: %s\r\n" % (name.encode(), forged))
        query = b"/socket.io/?EIO=4&transport=polling"
        await _request(node, b"GET %s HTTP/1.1\r\n%s: %s\r\n" % (query, name.encode(), forged))


async def _by_path(node: Service, forged: bytes) -> None:
    escaped = b"".join(b"%%%02x" % byte for byte in forged)
    for target in (b"/" + forged, b"/" + escaped, b"/socket.io/?EIO=4&sid=" + escaped):
        await _request(node, b"GET %s HTTP/1.1\r\n" % target)


async def _by_packets(node: Service, forged: str) -> None:
    """As an event's name, a namespace, what the connect carries, and as what no packet is."""
    packets = [
        f"42{json.dumps([forged, forged], ensure_ascii=False)}",
        f"42{json.dumps([forged])}",
        f"40/{forged},",
        f"40{json.dumps({'token': forged}, ensure_ascii=False)}",
        f"4{forged}",
    ]
    for packet in packets:
        async with raw_websocket(node.url) as socket:
            await socket.join()
            await socket.send(packet)
        async with raw_polling(node.url) as polling:
            await polling.join()
            await polling.post(packet, SEPARATOR)


async def _request(node: Service, head: bytes) -> None:
    reader, writer = await asyncio.open_connection(node.host, node.port)
    writer.write(head + b"Connection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
