"""The real service as a process of its own, `python -m app`, with settings from its environment."""

import asyncio
import http.client
import os
import shutil
import sys
import tempfile
from pathlib import Path
from signal import SIGTERM, Signals
from types import TracebackType
from typing import Self

from tests.support.processes import ROOT, Process, free_port

SECRET = "a-secret-of-tests-that-is-long-enough-to-be-one"
_KEPT = ("HOME", "LANG", "PATH", "TMPDIR")


class Service:
    """One node. A context manager, plain or async, that runs it and in the end reads its log.

    Settings are given by their names in app.settings; `module` is what runs in place of `app`. The
    port is a free one, unless it is given. A traceback in the log fails the test, unless
    `traceback_ok`.
    """

    def __init__(
        self, *, traceback_ok: bool = False, module: str = "app", **settings: object
    ) -> None:
        self.host = str(settings.pop("host", "127.0.0.1"))
        self.port = int(str(settings.pop("port", 0))) or free_port()
        self.url = f"http://{self.host}:{self.port}"
        self._traceback_ok = traceback_ok
        self._directory = Path(tempfile.mkdtemp(prefix="mooring-node-"))
        env = _environment({"host": self.host, "port": self.port} | settings)
        command = [sys.executable, "-X", "faulthandler", "-m", module]
        self._process = Process(command, self._directory, env)

    def start(self) -> Self:
        """Start, and wait until GET /healthz answers 200."""
        self._process.start(self._healthy, within=20.0)
        return self

    def stop(self, *, within: float = 12.0) -> int:
        """SIGTERM; the exit code. Fails if it takes longer."""
        return self._process.stop(within=within)

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        self.signal(SIGTERM)

    def signal(self, number: Signals) -> None:
        """Send any signal."""
        self._process.signal(number)

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()

    def pause(self) -> None:
        """Hang it, as a long stall of its machine does."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._process.resume()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.alive

    @property
    def pid(self) -> int:
        """Its process id, to measure it by."""
        return self._process.pid

    def log(self) -> str:
        """All that it has written, standard output and error."""
        return self._process.log()

    def close(self) -> None:
        """End it, whatever its state, and fail if its log tells of an unexpected error."""
        if self._process.alive:
            self._process.stop()
        log = self.log()
        shutil.rmtree(self._directory, ignore_errors=True)
        if not self._traceback_ok:
            check_log(log)

    def discard(self) -> None:
        """End it at once and look at nothing: the test has failed already."""
        self._process.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return self.close()
        sys.stderr.write(f"--- log of {self.url}\n{self.log()}")
        return self.discard()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, error_type, error, traceback)

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=1.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def check_log(log: str) -> None:
    """Fail if a log tells of an error that nobody expected."""
    assert "Traceback" not in log, f"a traceback in the service's log:\n{log}"
    assert "never retrieved" not in log, f"a lost exception in the service's log:\n{log}"


def service(*, traceback_ok: bool = False, module: str = "app", **settings: object) -> Service:
    """A node to be entered: `with service(session_idle_timeout=2, **any_store) as node:`."""
    return Service(traceback_ok=traceback_ok, module=module, **settings)


def _environment(settings: dict[str, object]) -> dict[str, str]:
    # Neither the developer's own settings nor a .env in the repository reach a tested service.
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    python = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return kept | python | {name.upper(): str(value) for name, value in settings.items()}
