"""python -m app [module:attribute] [--reload]: which app is served, and what is said if none is."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.processes import ROOT, Process, free_port
from tests.support.service import SECRET, process_of

pytestmark = pytest.mark.slow  # each starts a process

_PLAIN = "tests.support.plain_app:app"


def _environment(**settings: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)} | settings


def _refused(folder: Path, *arguments: str, **settings: str) -> tuple[int, list[str]]:
    """The exit code and the lines of a service that does not start."""
    ended = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=folder,
        env=_environment(**settings),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return ended.returncode, ended.stderr.splitlines()


def _refused_in_a_fork(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """As `_refused`, in a tenth of its time; all that it writes, on either output."""
    process = process_of("app", folder, _environment(**settings))
    process.start(process.log_file.exists)
    code = process._running().wait(20)
    return code, process.log().splitlines()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PORT": "70000"}, "PORT"),
        ({"MOORING_LOG_LEVEL": "loud"}, "MOORING_LOG_LEVEL"),
        ({"HOST": "no.such.host.invalid"}, "HOST"),
        ({"SESSION_STORE": "redis"}, "SESSION_SECRETS"),
        ({"SESSION_STORE": "no.such:thing", "SESSION_SECRETS": SECRET}, "SESSION_STORE"),
        ({"SESSION_STORE": "builtins:dict", "SESSION_SECRETS": SECRET}, "SESSION_STORE"),
        (
            {"SESSION_STORE": "redis", "SESSION_SECRETS": SECRET, "REDIS_URL": "http://x"},
            "REDIS_URL",
        ),
        (
            {
                "SESSION_STORE": "redis",
                "SESSION_SECRETS": SECRET,
                "REDIS_URL": "redis+sentinel://h:1",
            },
            "REDIS_URL",
        ),
        ({"APP": "shop.main"}, "APP"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_setting_refuses_to_start_and_is_named(
    settings: dict[str, str], named: str, tmp_path: Path
) -> None:
    code, lines = _refused_in_a_fork(tmp_path, **settings)

    assert code == 2
    assert len(lines) == 1, lines
    assert lines[0].startswith("mooring cannot start: ")
    assert named in lines[0]
    assert SECRET not in lines[0]


def test_an_app_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    code, lines = _refused(tmp_path, "shop.main:app", APP=_PLAIN)

    assert (code, len(lines)) == (2, 1)
    assert "there is no module 'shop'" in lines[0]


def test_an_error_of_the_app_s_own_code_is_shown(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import nothing_of_that_name\n")

    code, lines = _refused(tmp_path, "shop:app")

    assert code == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('shop.py", line 1, in <module>')
    assert lines[-1].startswith("mooring cannot start: importing shop failed: ")


class _Shop:
    """A product in a folder of its own, which is not where Python looks for packages."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "app", *arguments]
        self.process = Process(command, folder, _environment(PORT=str(port), **settings))

    def write(self, version: int) -> None:
        """Write the product's code, of another length each time: Python looks for it within a second."""
        code = (
            "from fastapi import FastAPI\n"
            "app = FastAPI()\n"
            f"app.add_api_route('/version', lambda: {version})\n"
            f"def create_app():\n    return app{' ' * version}\n"
        )
        (self.folder / "shop.py").write_text(code)

    def version(self) -> int | None:
        """What it answers; None if it does not."""
        try:
            return int(httpx.get(f"{self.url}/version", verify=False, timeout=5).json())
        except httpx.TransportError:
            return None

    def start(self) -> None:
        """Start, and wait for its first answer."""
        self.process.start(lambda: self.version() is not None, within=20.0)


@pytest.mark.parametrize(
    ("arguments", "settings", "named"),
    [
        (["shop:app"], {"APP": _PLAIN}, "shop:app"),
        ([], {"APP": "shop:create_app"}, "shop:create_app"),
        ([], {"APP": _PLAIN, "MOORING_APP": "shop:app"}, "shop:app"),
    ],
    ids=["argument", "APP", "MOORING_APP"],
)
def test_one_line_says_what_is_served_where(
    arguments: list[str], settings: dict[str, str], named: str, tmp_path: Path
) -> None:
    shop = _Shop(tmp_path, *arguments, FAST_PATHS="off", **settings)
    shop.write(1)
    shop.start()
    assert shop.process.stop() == 0

    first = shop.process.log().splitlines()[0]
    assert f" on {shop.url} ({named}, memory store, fast paths off: FAST_PATHS=off)" in first


def test_with_reload_no_line_counts_changes_of_what_is_no_code(tmp_path: Path) -> None:
    watched = (
        "import logging; from app import log_config; log_config.configure('debug', 'console');"
        "logging.getLogger('watchfiles.main').info('1 change detected');"
        "logging.getLogger('uvicorn.error').warning('detected changes in shop.py')"
    )
    run = subprocess.run(
        [sys.executable, "-c", watched],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "shop.py" in run.stderr
    assert "1 change" not in run.stderr


async def test_with_reload_it_is_started_again_when_the_code_changes(tmp_path: Path) -> None:
    shop = _Shop(tmp_path, "shop:app", "--reload")
    shop.write(1)
    shop.start()
    assert shop.version() == 1
    (tmp_path / "shop.py").write_text("a syntax error")
    await eventually(lambda: "SyntaxError" in shop.process.log(), within=20)

    def save_again() -> bool:
        # uvicorn passes over what is saved within a quarter of a second after it has started again.
        shop.write(2)
        return shop.version() == 2

    await eventually(save_again, within=20, every=0.5)
    assert shop.process.stop() == 0
