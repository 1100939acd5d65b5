"""Gates of a extended node: handlers wait there until the test lets them go on."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.support.eventually import PATIENCE, eventually
from tests.support.http import http_client
from tests.support.service import Service


class Gate:
    """A gate that no other test has; handlers are sent there by its `name`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.name = secrets.token_hex(8)
        self._client = client
        self._path = f"/gates/{self.name}"

    def then(self, act: str, key: str = "late") -> str:
        """The route that looks at its session, waits here, and then acts on what it has seen."""
        return f"/held/{self.name}/{act}/{key}"

    async def reached_by(self, handlers: int, *, within: float = PATIENCE) -> None:
        """Return when so many handlers have come here; their sessions are loaded by then."""
        await eventually(lambda: self._has(handlers), within=within)

    async def open(self) -> None:
        """Let them all go on."""
        await self._client.post(self._path)

    async def _has(self, handlers: int) -> bool:
        waiting: int = (await self._client.get(self._path)).json()
        return waiting == handlers


@asynccontextmanager
async def gate_of(extended: Service) -> AsyncIterator[Gate]:
    """A gate, opened in the end if it is not before."""
    async with http_client(extended.url) as client:
        gate = Gate(client)
        try:
            yield gate
        finally:
            await gate.open()
