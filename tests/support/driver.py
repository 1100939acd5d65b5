"""The Node process that holds the JavaScript clients: commands out, answers and events in."""

import asyncio
import itertools
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.support.processes import ROOT

DRIVER = ROOT / "tests" / "js" / "driver.mjs"
_LONGEST_LINE = 64 * 1024 * 1024


class DriverError(Exception):
    """A command failed in the driver; the message is JavaScript's."""


class Driver:
    """A running driver, as an async context manager. `driver.mjs` documents the messages."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        packages = DRIVER.parent / "node_modules"
        assert packages.exists(), "the node packages are missing: `make test-needs` fetches them"
        self._process = await asyncio.create_subprocess_exec(
            node_binary(), str(DRIVER), stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
        )
        self._reader = asyncio.create_task(self._read(self._process))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reader is not None
        self._process.stdin.close()
        await self._reader
        await self._process.wait()

    def next_id(self) -> int:
        """A number that nothing else of this driver has."""
        return next(self._ids)

    def listen(self, client: int, listener: Callable[[dict[str, Any]], None]) -> None:
        """Hand every event of a client to `listener`, in order."""
        self._listeners[client] = listener

    async def command(self, op: str, **arguments: Any) -> Any:
        """Run a command; its answer, or DriverError. Commands start in the order of these calls."""
        assert self._process is not None
        assert self._process.stdin is not None
        number = self.next_id()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        line = json.dumps({"id": number, "op": op} | arguments)
        self._process.stdin.write(line.encode() + b"\n")
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                self._dispatch(json.loads(line))
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(DriverError("the driver has ended"))

    def _dispatch(self, message: dict[str, Any]) -> None:
        if "client" in message:
            self._listeners[message["client"]](message)
            return
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(DriverError(message["error"]))
        else:
            answer.set_result(message["ok"])


def node_binary() -> str:
    """Node from the environment's own directory, if it was put there, or the machine's."""
    own = str(Path(sys.prefix) / "bin")
    found = shutil.which("node", path=os.pathsep.join([own, os.environ["PATH"]]))
    assert found, "node is missing: `make test-needs` fetches it"
    return found
