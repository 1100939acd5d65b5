"""The real service as a process of its own, `python -m app`, with settings from its environment."""

import asyncio
import http.client
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM, Signals
from types import TracebackType
from typing import Self

from tests.support.forked import PYTHON_PATH, ForkedProcess, module_command
from tests.support.issued import PEOPLE, check_secret
from tests.support.processes import Process, free_port

SECRET = "a-secret-of-tests-that-is-long-enough-to-be-one"
KEPT = ("FAST_PATHS", "HOME", "LANG", "PATH", "TMPDIR")
"""What a service under test has of the environment; CI runs the tests with fast paths on, and off."""

AS_THE_EXAMPLE = {"cors_origins": "http://localhost:4200", "max_body_bytes": 1_000_000}
"""Settings whose defaults the example changes, for an app that has the library's."""


class Service:
    """One node. A context manager, plain or async, that runs it and in the end reads its log.

    Settings are given by their names in app.settings; `module` is what runs in place of `app`. The
    port is a free one, unless it is given, and it logs all that it can. A traceback in the log fails
    the test, unless `traceback_ok`, and a session id that was issued does, there or in a metric.
    """

    def __init__(
        self, *, traceback_ok: bool = False, module: str = "app", **settings: object
    ) -> None:
        self.host = str(settings.pop("host", "127.0.0.1"))
        self.port = int(str(settings.pop("port", 0))) or free_port()
        self.url = f"http://{self.host}:{self.port}"
        self._traceback_ok = traceback_ok
        self._directory = Path(tempfile.mkdtemp(prefix="mooring-node-"))
        env = _environment({"host": self.host, "port": self.port} | _app_of_this_run() | settings)
        self._process = process_of(module, self._directory, env)

    def start(self) -> Self:
        """Start, and wait until GET /healthz answers 200."""
        self._process.start(self._healthy)
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

    @contextmanager
    def watched(self) -> Iterator[Self]:
        """Fail if it writes meanwhile what `check_log` looks for, or ends: for one that tests share."""
        start = self._process.logged
        yield self
        if (code := self._process.returncode) is not None:
            raise AssertionError(
                f"{self.url} has ended with {code}:\n{self._process.log()[-5000:]}"
            )
        check_log(self._process.log(start))

    def metrics(self) -> str:
        """What it counts; nothing if it does not answer any more."""
        return self._get("/metrics") or ""

    def close(self) -> None:
        """End it, whatever its state, and fail if its log or metrics say what they should not."""
        metrics = self.metrics()
        if self._process.alive:
            self._process.stop()
        log = self.log()
        shutil.rmtree(self._directory, ignore_errors=True)
        check_secret(metrics, "the metrics")
        assert PEOPLE not in metrics, "the id of a user in the metrics"
        check_secret(log, "the log")
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
        return self._get("/healthz") is not None

    def _get(self, path: str) -> str | None:
        """The body of an answer with status 200."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=1.0)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == http.client.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def check_log(log: str) -> None:
    """Fail if a log tells of an error that nobody expected, or of a session id."""
    check_secret(log, "the log")
    assert "Traceback" not in log, f"a traceback in the service's log:\n{log}"
    assert "never retrieved" not in log, f"a lost exception in the service's log:\n{log}"
    assert PEOPLE not in log, f"the id of a user in the service's log:\n{log}"


def service(*, traceback_ok: bool = False, module: str = "app", **settings: object) -> Service:
    """A node to be entered: `with service(session_idle_timeout=2, **any_store) as node:`."""
    return Service(traceback_ok=traceback_ok, module=module, **settings)


def process_of(module: str, directory: Path, env: dict[str, str]) -> Process:
    """Return the process of a module, whose name is its whole command line.

    SERVICE_START=spawn pytest … starts each with an interpreter of its own, as other systems do.
    """
    usual = "fork" if sys.platform == "linux" else "spawn"
    if os.environ.get("SERVICE_START", usual) == "fork":
        return ForkedProcess(module, directory, env)
    return Process(module_command(module), directory, env)


_DEFAULTS: dict[str, object] = {"log_level": "debug", "session_reload_interval": 600}
"""The reload would hide what a test is about: a message that nobody got, half a minute later."""


def _environment(settings: dict[str, object]) -> dict[str, str]:
    # Neither the developer's own settings nor a .env in the repository reach a tested service.
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    python = {"PYTHONPATH": PYTHON_PATH, "PYTHONUNBUFFERED": "1"}
    settings = _DEFAULTS | _of_this_run() | settings
    return kept | python | {name.upper(): str(value) for name, value in settings.items()}


def _of_this_run() -> dict[str, object]:
    """FAST_PATHS=off pytest … tests the service without its fast paths."""
    mode = os.environ.get("FAST_PATHS")
    return {"fast_paths": mode} if mode else {}


def _app_of_this_run() -> dict[str, object]:
    """MOORING_TEST_APP=module:attribute pytest … tests another app than the example."""
    app = os.environ.get("MOORING_TEST_APP")
    return {"app": app, **AS_THE_EXAMPLE} if app else {}
