"""A process that has imported what every service imports, and forks a child for each that is to start.

tests/support/forked.py starts it, as python -m tests.support.fork_server FD, and speaks to it through the
socket FD: each request and each answer is a line of JSON. A child runs what `python -m MODULE` runs, and is
reaped when its state is asked for, as that of a Popen. There are no threads.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PRELOADED = (
    "anyio._backends._asyncio",
    "app.dependencies",
    "app.log_config",
    "app.mooring",
    "app.redis.cluster",
    "app.redis.sentinel",
    "app.redis_backend",
    "app.sessions.stores.redis",
    "argparse",
    "click",
    "configparser",
    "difflib",
    "fastapi.middleware.asyncexitstack",
    "fastapi.responses",
    "fastapi.security",
    "fastapi.staticfiles",
    "gzip",
    "hiredis",
    "httptools",
    "itsdangerous",
    "logging.config",
    "multiprocessing.connection",
    "orjson",
    "prometheus_client.core",
    "pydantic.v1",
    "pydantic_settings",
    "redis.asyncio.cluster",
    "redis.asyncio.sentinel",
    "socketio",
    "starlette.middleware.cors",
    "starlette.middleware.errors",
    "starlette.middleware.exceptions",
    "structlog",
    "termios",
    "token_bucket",
    "uvloop",
)
"""What reads no setting while it is imported.

Not the example, which a service imports by its name, nor `websockets`, which reads the environment that
app/server/run.py prepares, nor uvicorn, which may import it. What services import of the library is half of
what a start takes.
"""

_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG: what Linux sends to a process whose parent ends."""

Request = dict[str, Any]


def main() -> None:
    """Serve; in a child, return to Python's own end of a program when the module has run."""
    end = End()
    atexit.register(end)  # before all others, and so called after them
    installed = sys.path[1 + len(_python_path(os.environ)) :]
    preload()
    request = serve(int(sys.argv[1]))
    if request is not None:
        _become(request, installed)
        end.of(request["module"])


class End:
    """The last that a child does at Python's end, when its threads have ended and all else is called.

    What the module has left is finalized. What was imported before it is left to the system, with the pages
    that it shares with the server: Python would write to each of them, which takes longer than many a module.
    """

    def __init__(self) -> None:
        self._code: int | None = None

    def of(self, module: str) -> None:
        """Run a module as the program, and note how it ends; Python says so where it is not by a code."""
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code is not None and not isinstance(end.code, int):
                raise
            code = end.code or 0
        else:
            code = 0
        self._code = code & 0xFF

    def __call__(self) -> None:
        """End the process if its code is known."""
        if self._code is None:
            return
        _forget_imported()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self._code)


def _forget_imported() -> None:
    """Finalize what only the modules have that were not preloaded."""
    for name in sys.modules.keys() - _preloaded:
        del sys.modules[name]
    gc.collect()


_preloaded: set[str] = set()


def preload() -> None:
    """Import what services share, out of reach of the garbage collector: it would copy the pages."""
    for name in PRELOADED:
        importlib.import_module(name)
    _preloaded.update(sys.modules)
    gc.collect()
    gc.freeze()


def serve(control: int) -> Request | None:
    """Answer requests as long as there are any. In a child: return the request that it fulfils."""
    # A child closes this by its number, not again when the object is deleted.
    with os.fdopen(control, "rb", closefd=False) as requests:
        for line in requests:
            request: Request = json.loads(line)
            if "pid" in request:
                answer = _returncode(request["pid"])
            else:
                answer = _fork(request["log"])
                if answer == 0:
                    return request
            os.write(control, json.dumps(answer).encode() + b"\n")
    return None


def _fork(log: str) -> int:
    """Fork; return in the parent when the child leads a group of its own, by which it can be killed."""
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        _die_with(parent)
        _write_to(log)
        return pid
    os.close(writer)
    os.read(reader, 1)  # until the child has closed its end
    os.close(reader)
    return pid


def _returncode(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was too late
        os._exit(1)


def _write_to(log: str) -> None:
    """Make a file the standard output and error, and close all but the standard input."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _become(request: Request, installed: list[str]) -> None:
    """Have this process look as if it had been started with an environment, in a directory."""
    os.chdir(request["directory"])
    coerced = {"LC_CTYPE": os.environ["LC_CTYPE"]} if "LC_CTYPE" in os.environ else {}  # by Python
    os.environ.clear()
    os.environ.update(coerced | request["env"])
    sys.path[:] = [str(Path.cwd()), *_python_path(os.environ), *installed]
    sys.argv[:] = [request["module"]]
    importlib.invalidate_caches()


def _python_path(environment: Mapping[str, str]) -> list[str]:
    path = environment.get("PYTHONPATH")
    return path.split(os.pathsep) if path else []


if __name__ == "__main__":
    main()
