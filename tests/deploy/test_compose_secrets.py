"""deploy/make_secrets.py: secrets that a real Redis and a real node take; made once, or the environment's."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.support.compose import services
from tests.support.http import http_client
from tests.support.processes import ROOT, Process, free_port
from tests.support.servers import redis_binary
from tests.support.service import Service, service

SCRIPT = ROOT / "deploy" / "make_secrets.py"
REDIS = ROOT / "deploy" / "redis.conf"
NAMES = ("redis.conf", "redis_password", "redis_url", "session_secrets")
ODD = """p@ss /w:"o'r\\d#%&?ü$HOME"""


def _make(folder: Path, **environment: str) -> dict[str, str]:
    """Run it as compose does; gives the files."""
    folder.mkdir(exist_ok=True)
    # Compose hands on what is not set as an empty text.
    unset = {"SESSION_SECRETS": "", "REDIS_PASSWORD": "", "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, SCRIPT, folder], env=unset | environment, check=True)
    assert sorted(file.name for file in folder.iterdir()) == sorted(NAMES)
    return {name: (folder / name).read_text() for name in NAMES}


class _Redis:
    """Redis with the configuration of compose and the secrets of a folder."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        self.port = free_port()
        text = REDIS.read_text().replace("/secrets", str(secrets))
        file = folder / "redis.conf"
        file.write_text(text.replace("dir /data", f"dir {folder}\nport {self.port}"))
        self._process = Process([redis_binary(), str(file)], folder)

    def url(self, text: str) -> str:
        """What a node is configured with, but for where Redis is."""
        return text.strip().replace("@redis:6379", f"@127.0.0.1:{self.port}")

    def start(self, url: str) -> None:
        """Start, and wait until it answers who knows the password."""
        self._process.start(lambda: self.answers(url))

    def answers(self, url: str) -> bool:
        """Whether it lets in who comes by this URL."""
        with redis.Redis.from_url(url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()


@contextmanager
def _redis(folder: Path, secrets: Path) -> Iterator[_Redis]:
    folder.mkdir()
    server = _Redis(folder, secrets)
    server.start(server.url((secrets / "redis_url").read_text()))
    try:
        yield server
    finally:
        server.kill()


def _node(secrets: Path, server: _Redis) -> Service:
    """A node that has its secrets from the folder, as in compose."""
    url = server.url((secrets / "redis_url").read_text())
    (secrets / "redis_url").chmod(0o644)
    (secrets / "redis_url").write_text(url)
    return service(session_store="redis", secrets_dir=secrets)


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = _make(tmp_path / "secrets")
    assert len(set(first.values())) == len(NAMES)
    assert len(first["session_secrets"].strip()) >= 32
    assert len(first["redis_password"].strip()) >= 32

    assert _make(tmp_path / "secrets") == first
    assert _make(tmp_path / "others") != first


def test_the_environment_s_secrets_are_taken_and_kept_when_it_has_none_any_more(
    tmp_path: Path,
) -> None:
    made = _make(tmp_path / "secrets")
    mine = {"SESSION_SECRETS": "new-" * 8 + ",old-" * 8, "REDIS_PASSWORD": "my-password"}

    taken = _make(tmp_path / "secrets", **mine)

    assert taken["session_secrets"].strip() == mine["SESSION_SECRETS"]
    assert taken["redis_url"].strip() == "redis://:my-password@redis:6379/0"
    assert made["redis_password"].strip() not in str(taken)
    assert _make(tmp_path / "secrets") == taken


def test_files_can_be_read_by_everybody_in_the_containers_and_written_by_nobody(
    tmp_path: Path,
) -> None:
    _make(tmp_path)
    for name in NAMES:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o444


def test_what_an_interrupted_start_has_left_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / ".redis_password").write_text("hal")
    assert _make(tmp_path)["redis_password"].strip() != "hal"


@pytest.mark.parametrize("password", ["", "plain", ODD], ids=["made", "plain", "odd"])
def test_redis_takes_the_password_and_lets_in_nobody_else(tmp_path: Path, password: str) -> None:
    made = _make(tmp_path / "secrets", REDIS_PASSWORD=password)
    with _redis(tmp_path / "redis", tmp_path / "secrets") as server:
        assert server.answers(server.url(made["redis_url"]))
        assert not server.answers(f"redis://127.0.0.1:{server.port}/0")
        assert not server.answers(f"redis://:guessed@127.0.0.1:{server.port}/0")
        assert _health(tmp_path / "secrets", server) == 0
        server.kill()
        assert _health(tmp_path / "secrets", server) != 0


def _health(secrets: Path, server: _Redis) -> int:
    """Run Redis's health check of the compose file."""
    [how, command] = services()["redis"]["healthcheck"]["test"]
    assert how == "CMD-SHELL"
    command = command.replace("$$", "$").replace("/secrets", str(secrets))
    command = command.replace("redis-cli", f"redis-cli -p {server.port}")
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(["sh", "-c", command], env=environment, check=False).returncode


async def test_sessions_survive_a_crash_of_redis_and_secrets_a_second_start(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    _make(secrets)
    with _redis(tmp_path / "redis", secrets) as server, _node(secrets, server) as node:
        url = (secrets / "redis_url").read_text()
        async with http_client(node.url) as client:
            assert (await client.post("/incr")).json() == 1
            server.kill()
            assert (await client.post("/incr")).status_code == 503

            _make(secrets)
            server.start(url)

            assert (await client.post("/incr")).json() == 2
