"""The Node process that holds the JavaScript clients: commands out, replies and events in."""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from threading import Lock, Thread
from typing import Any, Self

from tests.support.processes import ROOT

DRIVER = ROOT / "tests" / "js" / "driver.mjs"

Message = dict[str, Any]
Listener = Callable[[Message], None]


class DriverError(Exception):
    """A command failed in the driver; the message is JavaScript's."""


class Driver:
    """A running driver, as a context manager. `driver.mjs` documents the messages.

    It outlives event loops: a thread reads its output, and hands each reply and each event to the
    loop of whoever sent the command or listens, all in the order in which they were written.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._lock = Lock()
        self._pending: dict[int, tuple[AbstractEventLoop, Future[Any]]] = {}
        self._listeners: dict[int, tuple[AbstractEventLoop, Listener]] = {}
        self._ended = False
        packages = DRIVER.parent / "node_modules"
        assert packages.exists(), "the node packages are missing: `make test-needs` fetches them"
        self._process = subprocess.Popen([node_binary(), str(DRIVER)], stdin=PIPE, stdout=PIPE)
        self._reader = Thread(target=self._read, name="js driver", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs and takes commands."""
        return not self._ended and self._process.poll() is None

    def next_id(self) -> int:
        """Return a number that nothing else of this driver has."""
        return next(self._ids)

    def listen(self, client: int, listener: Listener) -> None:
        """Call `listener` with every event of a client, in order, in the running event loop."""
        self._listeners[client] = (asyncio.get_running_loop(), listener)

    def ignore_all(self) -> None:
        """Drop the events of all clients that there are now."""
        self._listeners.clear()

    async def command(self, op: str, **arguments: Any) -> Any:
        """Run a command and return its result, or raise DriverError.

        Commands start in the order of these calls.
        """
        number, loop = self.next_id(), asyncio.get_running_loop()
        reply: Future[Any] = loop.create_future()
        with self._lock:
            if self._ended:
                raise DriverError("the driver has ended")
            self._pending[number] = (loop, reply)
        try:
            self._write({"id": number, "op": op} | arguments)
            return await reply
        finally:
            self._pending.pop(number, None)

    def _write(self, message: Message) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DriverError("the driver has ended") from None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._dispatch(json.loads(line))
        with self._lock:
            self._ended = True
            pending = list(self._pending.values())
        for loop, reply in pending:
            loop.call_soon_threadsafe(_resolve, reply, {"error": "the driver has ended"})

    def _dispatch(self, message: Message) -> None:
        if "client" in message:
            if listening := self._listeners.get(message["client"]):
                loop, listener = listening
                loop.call_soon_threadsafe(listener, message)
        elif waiting := self._pending.get(message["id"]):
            loop, reply = waiting
            loop.call_soon_threadsafe(_resolve, reply, message)


def _resolve(reply: Future[Any], message: Message) -> None:
    if reply.done():
        return
    if "error" in message:
        reply.set_exception(DriverError(message["error"]))
    else:
        reply.set_result(message["ok"])


def node_binary() -> str:
    """Return node from the environment's own directory, if it was put there, or the machine's."""
    own = str(Path(sys.prefix) / "bin")
    found = shutil.which("node", path=os.pathsep.join([own, os.environ["PATH"]]))
    assert found, "node is missing: `make test-needs` fetches it"
    return found
