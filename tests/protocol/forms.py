"""Requests of every form that a client or a proxy may make of a handshake, a poll or a post."""

import asyncio
import json
from typing import NamedTuple

from tests.support.eventually import PATIENCE
from tests.support.http import parse_set_cookie
from tests.support.issued import note_issued

TRANSPORTS = (None, "polling", "websocket", "pigeon")
SIDS = (None, "own", "unknown", "another's")
VERSIONS = (None, "4", "3")
UPGRADES = (None, "websocket", "WebSocket", "h2c")
CONNECTIONS = (
    *(None, "close", "keep-alive", "Upgrade", "keep-alive, Upgrade"),
    "Upgrade, HTTP2-Settings",
)
METHODS = ("GET", "POST", "PUT", "HEAD", "OPTIONS")

CONNECTED = b"40{"
"""Begins the packet that waits for the next poll of a client's own socket."""


class Form(NamedTuple):
    """What a request says."""

    transport: str | None
    sid: str | None
    version: str | None
    upgrade: str | None
    connection: str | None
    method: str

    @property
    def upgrades(self) -> bool:
        """Whether the headers ask for an upgrade to anything."""
        tokens = (self.connection or "").lower().split(", ")
        return self.upgrade is not None and "upgrade" in tokens

    @property
    def asks_for_websocket(self) -> bool:
        """Whether the headers are those of a WebSocket's handshake."""
        return self.upgrades and (self.upgrade or "").lower() == "websocket"

    @property
    def is_websocket(self) -> bool:
        """Whether it is one, the query aside."""
        return self.asks_for_websocket and self.method == "GET"


class Answer(NamedTuple):
    """What is answered."""

    status: int
    head: bytes
    body: bytes


class Visitor:
    """One client, with a polling socket of its own for which a packet waits."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sid = ""
        self.cookie: str | None = None

    async def open(self) -> None:
        """Open another socket, and have a packet wait for its poll."""
        answer = await self._ask("GET", "/socket.io/?EIO=4&transport=polling", {})
        assert answer.status == 200, answer
        self.sid = json.loads(answer.body[1:])["sid"]
        for line in answer.head.decode().split("\r\n"):
            if line.lower().startswith("set-cookie:"):
                value = line.partition(":")[2].strip()
                note_issued([value])
                self.cookie = parse_set_cookie(value).pair
        posted = await self._ask("POST", self._path(), self._own(), b"40")
        assert posted.status == 200, posted

    async def send(self, form: Form, other: "Visitor") -> Answer:
        """Send a request of this form."""
        sids = {None: None, "own": self.sid, "unknown": "x" * 22, "another's": other.sid}
        query = {"transport": form.transport, "EIO": form.version, "sid": sids[form.sid]}
        named = [f"{name}={value}" for name, value in query.items() if value is not None]
        headers = {"Upgrade": form.upgrade, "Connection": form.connection}
        headers |= self._own() if form.sid in ("own", "another's") else {}
        if form.asks_for_websocket:
            headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
            headers["Sec-WebSocket-Version"] = "13"
        body = b"3" if form.method in ("POST", "PUT") else b""
        return await self._ask(form.method, f"/socket.io/?{'&'.join(named)}", headers, body)

    async def poll(self) -> Answer:
        """Fetch what waits."""
        return await self._ask("GET", self._path(), self._own())

    def _path(self) -> str:
        return f"/socket.io/?EIO=4&transport=polling&sid={self.sid}"

    def _own(self) -> dict[str, str | None]:
        return {"Cookie": self.cookie}

    async def _ask(
        self, method: str, path: str, headers: dict[str, str | None], body: bytes = b""
    ) -> Answer:
        sent = {"Host": "here", "Content-Length": str(len(body)) if body else None} | headers
        lines = [f"{name}: {value}\r\n" for name, value in sent.items() if value is not None]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body)
            async with asyncio.timeout(PATIENCE):
                return await _read(reader, method)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    length = lengths[0] if lengths and method != "HEAD" else 0
    return Answer(int(head.split(b" ")[1]), head, await reader.readexactly(length))
