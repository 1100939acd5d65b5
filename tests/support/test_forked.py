"""Services that a fork server starts are what an interpreter of their own would make of them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings import ServiceSettings
from tests.support import forked
from tests.support.eventually import eventually
from tests.support.forked import Forked, ForkedProcess, ForkServer, module_command
from tests.support.processes import ROOT, Process
from tests.support.service import _environment, service

_PORTRAIT = """
import faulthandler, gc, json, os, resource, signal, sys, threading
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "files": {fd: os.path.realpath(f"/proc/self/fd/{fd}") for fd in range(1000)
        if os.path.exists(f"/proc/self/fd/{fd}")},
    "name": [__name__, __file__, __spec__.name, sys.modules["__main__"].__dict__ is globals()],
    "arguments": [sys.argv, sys.path, sys._xoptions, repr(sys.flags), sys.warnoptions],
    "environment": [dict(os.environ), os.getcwd(), os.umask(0)],
    "C's environment": sorted(os.popen("env").read().replace("_=/usr/bin/env", "").split()),
    "group": [os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid()],
    "signals": [status[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt", "Threads")],
    "output": [[each.encoding, each.errors, each.line_buffering, each.write_through]
        for each in (sys.stdin, sys.stdout, sys.stderr)],
    "limits": [resource.getrlimit(limit) for limit in range(15)],
    "interpreter": [faulthandler.is_enabled(), gc.isenabled(), gc.get_threshold(),
        [thread.name for thread in threading.enumerate()]],
    "not imported": [sys.modules.get(name, "no") for name in
        ("aiohttp", "requests", "websocket", "websockets", "uvicorn", "app.example", "app.server")],
}))
"""
_SETTINGS = {name.upper() for name in ServiceSettings.model_fields}
_KINDS = [ForkedProcess, Process]


def _run(kind: type[Process], source: str, folder: Path, **env: str) -> tuple[int, str]:
    """Return the exit code and the output of a module that is all source."""
    folder.mkdir(exist_ok=True)
    (folder / "probe.py").write_text(source)
    process = _process(kind, folder, **env)
    process.start(process.log_file.exists)
    code = process._running().wait(20)
    output = process.log()
    process.log_file.unlink()
    return code, output


def _process(kind: type[Process], folder: Path, **env: str) -> Process:
    environment = _environment({}) | env
    if issubclass(kind, ForkedProcess):
        return kind("probe", folder, environment)
    return kind(module_command("probe"), folder, environment)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def _endless(server: ForkServer, folder: Path) -> Forked:
    """Start a child that runs until it is ended, and has begun."""
    (folder / "endless.py").write_text("import time\nprint('up')\nwhile True: time.sleep(60)")
    return server.fork("endless", folder, folder / "log", _environment({}))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_module_finds_itself_as_in_an_interpreter_of_its_own(tmp_path: Path) -> None:
    forked, spawned = (_run(kind, _PORTRAIT, tmp_path, PORT="80") for kind in _KINDS)

    assert json.loads(forked[1]) == json.loads(spawned[1])
    assert forked[0] == spawned[0] == 0


_NAMES = st.text(st.characters(categories=["L", "N"], max_codepoint=0x7F), min_size=1)
_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(given_env=st.dictionaries(_NAMES, _VALUES, max_size=5))
@settings(max_examples=15, deadline=None)
def test_a_module_has_the_environment_that_it_is_given_and_nothing_else(
    given_env: dict[str, str],
) -> None:
    source = "import json, os\nprint(json.dumps(dict(os.environ)))"
    with tempfile.TemporaryDirectory() as folder:
        _, output = _run(ForkedProcess, source, Path(folder), **given_env)

    found = json.loads(output)
    assert found.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"
    assert found == _environment({}) | given_env


@pytest.mark.parametrize(
    "source",
    [
        "pass",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a reason')",
        "import atexit, sys; atexit.register(print, 'at the end'); sys.exit(4)",
        "import threading; threading.Timer(0.1, print, ['late']).start()",
        "raise ValueError('a fault')",
        "import nothing_of_that_name",
        "this is no Python",
        "raise KeyboardInterrupt",
        "import os; os._exit(7)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
        "import os, signal; os.kill(os.getpid(), signal.SIGHUP)",
        "import os, signal; os.kill(os.getpid(), signal.SIGPIPE)",
        "import signal; signal.raise_signal(signal.SIGKILL)",
        "class Noisy:\n    def __del__(self): print('gone')\nheld = Noisy()",
        "class Noisy:\n    def __del__(self): print('gone')\nheld = Noisy()\nheld.itself = held",
        "import sys, types\nclass Noisy:\n    def __del__(self): print('gone')\n"
        "sys.modules['other'] = other = types.ModuleType('other')\nother.held = Noisy()\ndel other",
        "import asyncio\nasync def fail(): raise ValueError('a fault')\n"
        "async def main(): main.held = asyncio.create_task(fail()); await asyncio.sleep(0)\n"
        "asyncio.run(main())",
        "import sys; sys.stdout.write('no end of a line'); sys.exit(-1)",
        "import faulthandler; faulthandler._sigsegv()",
        "import faulthandler; faulthandler._sigabrt()",
    ],
)
def test_a_module_ends_as_in_an_interpreter_of_its_own(source: str, tmp_path: Path) -> None:
    (forked, output), (spawned, expected) = (_run(kind, source, tmp_path) for kind in _KINDS)

    assert forked == spawned
    assert output.splitlines()[:1] == expected.splitlines()[:1]
    if not expected.startswith("Fatal"):  # which goes on with a list of the modules
        assert output.splitlines()[-1:] == expected.splitlines()[-1:]


@given(code=st.integers(0, 255))
@settings(max_examples=10, deadline=None)
def test_every_exit_code_is_reported(code: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert _run(ForkedProcess, f"raise SystemExit({code})", Path(folder)) == (code, "")


def test_a_crash_at_import_is_reported_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import nothing_of_that_name")

    with pytest.raises(AssertionError, match=r"did not come up:(.|\n)*No module named 'nothing_of"):
        _process(ForkedProcess, tmp_path).start(lambda: False)


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    process = _process(ForkedProcess, tmp_path / "gone")
    process.log_file = tmp_path / "log"
    (tmp_path / "gone").rmdir()

    with pytest.raises(AssertionError, match=r"did not come up:(.|\n)*FileNotFoundError"):
        process.start(lambda: False)


async def test_signals_reach_a_child_and_its_end_is_noticed(
    server: ForkServer, tmp_path: Path
) -> None:
    child = _endless(server, tmp_path)

    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    assert child.poll() is None
    child.terminate()
    assert child.wait(10) == child.poll() == child.returncode == -signal.SIGTERM
    child.terminate()  # it goes to no other process


async def test_a_stalled_child_can_be_killed(server: ForkServer, tmp_path: Path) -> None:
    child = _endless(server, tmp_path)
    child.send_signal(signal.SIGSTOP)

    child.kill()

    assert child.wait(10) == -signal.SIGKILL


async def test_a_process_is_killed_with_those_that_it_has_started(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(
        "import subprocess, time\nprint(subprocess.Popen(['sleep', '600']).pid)\ntime.sleep(600)"
    )
    process = _process(ForkedProcess, tmp_path)
    process.start(lambda: process.log().endswith("\n"))
    started = int(process.log())
    assert _runs(started)

    process.kill()

    assert not process.alive
    await eventually(lambda: not _runs(started))


@pytest.mark.parametrize("end", [pytest.param("killed", marks=pytest.mark.thorough), "closed"])
async def test_children_end_with_their_fork_server(end: str, tmp_path: Path) -> None:
    server = ForkServer()
    child = _endless(server, tmp_path)
    await eventually(lambda: (tmp_path / "log").read_text() == "up\n")

    if end == "killed":
        os.kill(server.pid, signal.SIGKILL)
    else:
        server.close()

    await eventually(lambda: not _runs(child.pid))
    if end == "killed":
        assert child.wait(5) == -signal.SIGKILL
        server.close()
    assert not server.alive


@pytest.mark.thorough
async def test_children_end_with_the_tests(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(600)")
    tests = (
        "import time\nfrom tests.support.test_forked import *\n"
        "from tests.support.test_forked import _process\n"
        f"process = _process(ForkedProcess, Path({str(tmp_path)!r}))\n"
        "process.start(lambda: process.log() == 'up\\n')\nprint(process.pid, flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", tests], cwd=ROOT, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        assert _runs(child)
        run.kill()

    await eventually(lambda: not _runs(child))


@pytest.mark.thorough
def test_a_fork_server_that_has_ended_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One of its own: with the one of this process the nodes would end that tests share.
    monkeypatch.setattr(forked, "_server", None)
    assert _run(ForkedProcess, "pass", tmp_path)[0] == 0
    _, output = _run(ForkedProcess, "import os; print(os.getppid())", tmp_path)

    os.kill(int(output), signal.SIGKILL)
    # The child of an ended server was ended with it, so the next start is by a new one.
    while _runs(int(output)):
        pass

    assert _run(ForkedProcess, "import sys; sys.exit(5)", tmp_path)[0] == 5


def test_children_can_be_started_and_awaited_by_several_threads(tmp_path: Path) -> None:
    def run(number: int) -> tuple[int, str]:
        source = f"import sys; print({number}); sys.exit({number})"
        return _run(ForkedProcess, source, tmp_path / str(number))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(run, range(32))) == [
            (number, f"{number}\n") for number in range(32)
        ]


def test_children_have_random_numbers_of_their_own(tmp_path: Path) -> None:
    source = "import random, uuid, os; print(random.random(), uuid.uuid4(), os.urandom(8).hex())"

    assert len({_run(ForkedProcess, source, tmp_path)[1] for _ in range(5)}) == 5


def test_the_server_has_one_thread(server: ForkServer, tmp_path: Path) -> None:
    child = _endless(server, tmp_path)

    assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1
    child.kill()


_PRELOAD = """
import json, os, sys
import wsgiref.handlers  # prometheus_client does; it keeps a copy of the environment, for CGI
from tests.support import fork_server
read = set()
def noting(method):
    def noted(environ, *name):
        read.update(name or ["all of it"])
        return method(environ, *name)
    return noted
kind = type(os.environ)
kind.__getitem__, kind.__iter__ = noting(kind.__getitem__), noting(kind.__iter__)
kind.__contains__ = noting(lambda environ, name: name in environ.copy())
kind.copy = lambda environ: {os.fsdecode(name): "" for name in environ._data}
fork_server.preload()
preloaded, names = set(sys.modules), sorted(read)
import app.example.main, app.redis_backend, app.redis.cluster, app.redis.sentinel, app.server.command_line
import app.server.direct_websocket, app.sessions.stores.redis
print(json.dumps([names, sorted(preloaded), sorted(set(sys.modules) - preloaded)]))
"""


def test_what_is_preloaded_reads_no_setting_and_is_all_that_services_share() -> None:
    command = [sys.executable, "-c", _PRELOAD]
    run = subprocess.run(command, env=_environment({}), capture_output=True, check=True)
    read, preloaded, late = json.loads(run.stdout)

    assert "NO_COLOR" in read, "nothing is noted"
    assert not [name for name in read if name in _SETTINGS or name.startswith("WEBSOCKETS_")]
    assert "all of it" not in read
    late_packages = {name.partition(".")[0] for name in late}
    assert late_packages == {"app", "uvicorn", "websockets"}
    assert not (late_packages - {"app"}) & set(preloaded)
    library = {"app.asgi", "app.realtime", "app.redis", "app.sessions", "app.users"}
    assert not library & {".".join(name.split(".")[:2]) for name in late}


@pytest.mark.parametrize(("start", "kind"), [("fork", ForkedProcess), ("spawn", Process)])
def test_service_start_chooses_how_services_start(
    start: str, kind: type[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_START", start)
    with service() as node:
        assert type(node._process) is kind
        assert node.stop() == 0
