"""The lifespan of an app, as a server runs it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp


class Lifespan:
    """Starts an app and stops it, on the running event loop.

    Args:
        app: the app.

    Attributes:
        state: what the app has yielded, for the scopes of requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._received: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._sent: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the app has started; raise what it raises."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        self._task = asyncio.create_task(self._run(scope), name="lifespan")
        await self._ask("lifespan.startup")

    async def stop(self) -> None:
        """Return when the app has stopped; raise what it raises."""
        await self._ask("lifespan.shutdown")

    async def _run(self, scope: dict[str, Any]) -> None:
        await self._app(scope, self._received.get, self._sent.put)

    async def _ask(self, question: str) -> None:
        assert self._task is not None, "it was not started"  # noqa: S101 - for type checkers
        self._received.put_nowait({"type": question})
        answer = asyncio.create_task(self._sent.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._task
        elif answer.result()["type"].endswith(".failed"):
            await self._task
            raise RuntimeError(answer.result().get("message", question))
