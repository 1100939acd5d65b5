"""Processes that a fork server starts: what `python -m MODULE` does, without most of its imports."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT, START_TIMEOUT, Process, hang_up_by_default

PYTHON_PATH = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support" / "as_deployed")])
"""Where services find the library, without what their deployments lack."""

_PYTHON_READS = ("HOME", "LANG", "PATH", "TMPDIR")
"""What of the tests' environment the server has from its start, as services have."""


def module_command(module: str) -> list[str]:
    """Return the command that runs a module as services are run."""
    return [sys.executable, "-X", "faulthandler", "-m", module]


class ForkedProcess(Process):
    """`module_command(module)`, forked; in everything else a Process."""

    def __init__(self, module: str, directory: Path, env: Mapping[str, str]) -> None:
        super().__init__(module_command(module), directory, env)
        self._module = module
        self._environment = dict(env)

    def _launch(self) -> "Forked":
        server = _running_server()
        return server.fork(self._module, self._directory, self.log_file, self._environment)


class ForkServer:
    """tests/support/fork_server.py as a process; it ends with the one that has started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_TIMEOUT)
        self._answers = self._control.makefile("rb")
        with theirs:
            self._process = subprocess.Popen(
                [*module_command("tests.support.fork_server"), str(theirs.fileno())],
                cwd=ROOT,
                env={name: os.environ[name] for name in _PYTHON_READS if name in os.environ}
                | {"PYTHONPATH": PYTHON_PATH, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=hang_up_by_default,  # noqa: PLW1509 - it takes no lock
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def fork(self, module: str, directory: Path, log: Path, env: Mapping[str, str]) -> "Forked":
        """Start a child that runs a module."""
        request = {"module": module, "directory": str(directory), "log": str(log), "env": env}
        return Forked(self, self._ask(request))

    def returncode(self, pid: int) -> int | None:
        """Return the exit code of a child, once, or None if it runs. It cannot outlive the server."""
        try:
            code: int | None = self._ask({"pid": pid})
        except ConnectionError:
            return -signal.SIGKILL
        return code

    def close(self) -> None:
        """End it, and with it its children."""
        self._answers.close()
        self._control.close()
        self._process.wait()

    def _ask(self, request: Mapping[str, object]) -> Any:
        with self._lock:
            self._control.sendall(json.dumps(request).encode() + b"\n")
            answer = self._answers.readline()
        if not answer:
            raise ConnectionError("the fork server has ended")
        return json.loads(answer)


class Forked:
    """A child of the fork server, with as much of a Popen as is used."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._server.returncode(self.pid)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended; raise subprocess.TimeoutExpired if it takes longer."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


_server: ForkServer | None = None
_server_lock = threading.Lock()


def _running_server() -> ForkServer:
    """Return the server of this process; a new one, if it has none that runs."""
    global _server  # noqa: PLW0603 - it is one for each process, and closed at its end
    with _server_lock:
        if _server is None or not _server.alive:
            _server = ForkServer()
            atexit.register(_server.close)
        return _server
