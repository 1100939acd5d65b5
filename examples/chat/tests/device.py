"""Somebody on one device: a cookie, requests, and a socket, on one of the nodes."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Self

import httpx2
import socketio

_drafts = count(1)


class Device:
    """`events` is what the socket has received, in order, each with its name first and without its offset."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.url = url
        self.http = httpx2.AsyncClient(base_url=url)
        self.socket = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, Any]] = []
        self.socket.on("*", lambda event, value, *_offset: self.events.append((event, value)))
        self.refused: Any = None
        self.socket.on("connect_error", self._note_refusal)

    async def __aenter__(self) -> Self:
        answer = await self.sign_in()
        assert answer.status_code == 200, answer.text
        await self.connect()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.socket.disconnect()
        await self.http.aclose()

    async def sign_in(self) -> httpx2.Response:
        """Sign in by the name."""
        return await self.http.post("/sign-in", json={"name": self.name})

    async def connect(self, url: str | None = None) -> None:
        """Connect the socket, to another node perhaps."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        await self.socket.connect(
            url or self.url, headers={"Cookie": cookie}, transports=["websocket"]
        )

    async def say(self, text: str, channel: str = "general", draft: str | None = None) -> Any:
        """Say something; return the ack."""
        draft = draft or f"draft-of-{self.name}-{next(_drafts)}"
        return await self.socket.call(
            "say", (draft, {"id": draft, "channel": channel, "text": text})
        )

    def named(self, event: str) -> list[Any]:
        """Return what was received of an event."""
        return [args for name, args in self.events if name == event]

    async def receives(
        self, event: str, where: Callable[[Any], bool] = lambda _: True, within: float = 8.0
    ) -> Any:
        """Return an event as soon as it is there."""
        async with asyncio.timeout(within):
            while not (found := [each for each in self.named(event) if where(each)]):
                await asyncio.sleep(0.01)
        return found[0]

    async def texts(self, after: int = 0, channel: str = "general") -> list[str]:
        """Return what the history has after a number."""
        found = await self.http.get(f"/channels/{channel}/messages", params={"after": after})
        return [each["text"] for each in found.json()["messages"]]

    def _note_refusal(self, problem: Any) -> None:
        self.refused = problem
