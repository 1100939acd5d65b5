"""What is compared, and how each is started."""

import http.client
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import redis

from benchmarks.processes import LOAD_CORE, SERVER_CORE, Pinned, no_prefix
from tests.support.driver import node_binary
from tests.support.processes import ROOT, free_port
from tests.support.servers import valkey_binary

NODE_DIRECTORY = ROOT / "benchmarks" / "node"
APPS = ROOT / "benchmarks" / "apps"
"""Apps that any tree's `app` may be measured with."""
STORES = ("memory", "redis")
_SECRET = "a-secret-of-benchmarks-that-is-long-enough"  # it protects nothing
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class System:
    """A service that speaks our HTTP routes, and for some our socket events.

    Attributes:
        stores: what it can keep sessions in.
        sockets: whether it has any.
        ours: whether it is Mooring, on whichever Python.
        env: what it is to find in its environment beside what all do.
    """

    name: str
    title: str
    command: tuple[str, ...]
    stores: tuple[str, ...] = STORES
    sockets: bool = True
    ours: bool = False
    env: tuple[tuple[str, str], ...] = ()


_LOBBY = (("LOBBY", "1"),)
"""Every socket is in one room."""
_BUN_BINARIES = ROOT / "benchmarks" / "bun" / "node_modules" / "@oven"
_NEWEST = ROOT / ".venv-newest" / "bin" / "python"
_NODE_SERVER = str(NODE_DIRECTORY / "server.mjs")


def python_version(python: str = sys.executable) -> str:
    """Return the version of a Python."""
    code = "import platform; print(platform.python_version())"
    run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def bun_binary() -> str | None:
    """Return where npm has put Bun; None where it has not."""
    return next((str(path) for path in sorted(_BUN_BINARIES.glob("*/bin/bun"))), None)


def _mooring(name: str, python: str, *app: str) -> System:
    title = f"Mooring on Python {python_version(python)}"
    return System(name, title, (python, "-m", "app", *app), ours=True)


NODE = System("node", "Node", (node_binary(), _NODE_SERVER))
BUN = System("bun", "Bun", (bun_binary() or "bun", _NODE_SERVER))
OURS = _mooring("mooring", sys.executable)
PEER = System("peer", "starsessions", (sys.executable, "-m", "benchmarks.peer"))
SDK = System(
    "sdk",
    "redis-sdk",
    (sys.executable, "-m", "benchmarks.sdk"),
    stores=("redis",),
    sockets=False,
)
BARE = (
    System("layers", "no session", (sys.executable, "-m", "benchmarks.bare", "layers")),
    System("fastapi", "FastAPI", (sys.executable, "-m", "benchmarks.bare", "fastapi")),
)
PLAIN = _mooring("plain", sys.executable, "costs:plain")
"""An app whose sockets are all in one room."""


def _installed() -> tuple[System, ...]:
    """Return what can be compared on this machine; the newest Python's is there where it has one."""
    found = [NODE, *([BUN] if bun_binary() else []), OURS]
    if _NEWEST.exists():
        found.append(_mooring("mooring-newest", str(_NEWEST)))
    return (*found, PEER, SDK)


SYSTEMS = _installed()
OUR_NAMES = tuple(system.name for system in SYSTEMS if system.ours)
TITLES = {system.name: system.title for system in (*SYSTEMS, *BARE)}


def _in_a_room(system: System) -> System:
    command = (*system.command, "costs:plain") if system.ours else system.command
    return replace(system, command=command, env=_LOBBY)


IN_A_ROOM = {system.name: _in_a_room(system) for system in SYSTEMS}
"""The same systems with all sockets in one room."""


@dataclass(frozen=True)
class Times:
    """After how many seconds a session ends, and how often a socket reloads its own."""

    idle_timeout: float = 1800
    reload_interval: float = 30


DEFAULT_TIMES = Times()


class StoreServer(Pinned):
    """A fresh Valkey on the load's core."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(directory)]
        options += ["--save", "", "--appendonly", "no"]
        super().__init__(LOAD_CORE, [valkey_binary(), *options], {})

    def ready(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.RedisError:
            return False

    def command(self, *words: str) -> Any:
        """Run one command, on a connection of its own."""
        with redis.Redis(port=self.port, decode_responses=True) as client:
            return client.execute_command(*words)

    def memory_bytes(self) -> int:
        """Return what its data take."""
        return int(self.command("INFO", "memory")["used_memory"])

    def commands_so_far(self) -> int:
        """Count the commands that it has run, those in scripts too."""
        return int(self.command("INFO", "stats")["total_commands_processed"])


class Server(Pinned):
    """A system that runs; `store` is a server's, None for the memory store.

    `tree` is the checkout whose `app` it imports, `more` goes into its environment.
    """

    def __init__(
        self,
        system: System,
        store: StoreServer | None,
        times: Times = DEFAULT_TIMES,
        *,
        tree: Path = ROOT,
        prefix: Callable[[Path], list[str]] = no_prefix,
        more: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.system = system
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PYTHONPATH": f"{tree}:{APPS}",
            "SESSION_STORE": "redis" if store else "memory",
            "SESSION_SECRETS": _SECRET,
            "SESSION_MAX_SOCKETS": "10000",
            "SESSION_IDLE_TIMEOUT": str(times.idle_timeout),
            "SESSION_RELOAD_INTERVAL": str(times.reload_interval),
            "IDLE_TIMEOUT": str(times.idle_timeout),
            "RELOAD_INTERVAL": str(times.reload_interval),
            "LOG_LEVEL": "warning",  # the others write no line for each session and socket
        }
        if store:
            env["REDIS_URL"] = store.url
        super().__init__(
            SERVER_CORE, system.command, {**env, **dict(system.env), **more}, prefix=prefix
        )

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
