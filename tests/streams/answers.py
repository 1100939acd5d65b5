"""Streams as a test starts them, and as clients see them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.browsers import JsBrowser
from tests.support.eventually import PATIENCE, eventually
from tests.support.js_client import JsClient


class Stream:
    """One stream that a browser has asked for."""

    def __init__(self, browser: JsBrowser, url: str | None = None) -> None:
        self.id = secrets.token_hex(6)
        self._browser = browser
        self._url = url or browser.url

    async def feed(self, *items: Any) -> None:
        """Give the source items."""
        assert (await self._post(f"/feed/{self.id}", list(items))).status == 200

    async def begin(self, **query: Any) -> None:
        """Stream what is fed, in a task of the node's."""
        assert (await self._post(f"/begin/{self.id}", [], **query)).status == 200

    async def count_out(self, count: int, **query: Any) -> Any:
        """Stream so many items, and return what `stream` has returned."""
        answer = await self._post(f"/count-out/{self.id}", [], count=count, **query)
        assert answer.status == 200, answer.body
        return answer.json()

    async def call_off(self) -> None:
        """Cancel the task."""
        await self._post(f"/call-off/{self.id}", [])

    async def source(self) -> dict[str, Any]:
        """Return what has become of the source."""
        found = await self._browser.fetch("GET", f"{self._url}/sources/{self.id}")
        told: dict[str, Any] = found.json()
        return told

    async def outcome(self, within: float = PATIENCE) -> str:
        """Return what `stream` has returned, or raised."""

        async def told() -> str:
            return str((await self.source())["outcome"])

        return await eventually(told, within=within)

    def parts(self, client: JsClient, after: int = 0) -> list[dict[str, Any]]:
        """Return what a client was sent of it, in order."""
        return [each for each in client.values("tokens", after=after) if each["stream"] == self.id]

    def items(self, client: JsClient, after: int = 0) -> list[Any]:
        """Return the items that a client was sent; fail if one is missing, or there twice."""
        parts = self.parts(client, after)
        items: list[Any] = []
        for part in parts:
            assert part["offset"] == parts[0]["offset"] + len(items), parts
            items += part.get("items", [])
        return items

    async def end(
        self, client: JsClient, within: float = PATIENCE, after: int = 0
    ) -> dict[str, Any]:
        """Return the last part, when a client has it."""

        def found() -> Any:
            parts = self.parts(client, after)
            return parts[-1] if parts and is_end(parts[-1]) else None

        last: dict[str, Any] = await eventually(found, within=within)
        assert len(list(filter(is_end, self.parts(client, after)))) == 1
        return last

    async def got(
        self, client: JsClient, *items: Any, after: int = 0, within: float = PATIENCE
    ) -> None:
        """Return when a client has just these items."""
        await eventually(
            lambda: self.items(client, after)[-len(items) :] == list(items), within=within
        )

    async def _post(self, path: str, body: Any, **query: Any) -> Any:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return await self._browser.post_json(f"{self._url}{path}?{asked}", body)


def is_end(part: dict[str, Any]) -> bool:
    """Whether a part is the last one."""
    return "done" in part or "error" in part


@asynccontextmanager
async def counting(stream: Stream, count: int, **query: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """Stream items meanwhile."""
    task = asyncio.create_task(stream.count_out(count, **query))
    yield task
    await task
