"""Type checkers see the types of the installed package."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.package.environments import Environment
from tests.package.served import COUNTER
from tests.package.wheel import Wheel
from tests.support.processes import ROOT

CACHE = ROOT / ".mypy_cache" / "package"
"""What the environments have in common, checked once. All tests of this folder are in one process."""

MYPY = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={CACHE}", "--config-file="]

RIGHT = """
from fastapi_mooring import Settings

settings = [Settings(), Settings(session_idle_timeout=60), Settings.with_defaults(cors_origins=())]
"""

WRONG = """
from fastapi_mooring import EventRouter, MemoryStore, Mooring, RedisStore, Session

def wrong(session: Session, mooring: Mooring) -> None:
    reveal_type(RedisStore)
    session.version = "one"
    Mooring("app")
"""


def test_strict_checks_pass_the_product_and_see_what_is_wrong(newest: Environment) -> None:
    shutil.copy(COUNTER, newest.work)
    (newest.work / "wrong.py").write_text(WRONG)
    (newest.work / "right.py").write_text(RIGHT)
    python = newest.program("python")
    files = ["counter.py", "right.py", "wrong.py"]
    done = newest.run(*MYPY, "--python-executable", python, *files)
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith(("counter.py", "right.py"))]
    assert [line for line in lines if "RedisStore" in line and "note: Revealed" in line]
    assert [line for line in lines if 'incompatible type "str"; expected "FastAPI"' in line]
    assert [line for line in lines if 'Property "version" defined in "Session"' in line]
    assert lines[-1].startswith("Found 3 errors"), done.stdout


BROWSER = """
from fastapi_mooring.testing import Browser

async def wrong(browser: Browser) -> None:
    answer = await browser.post("/incr")
    reveal_type(answer)
    answer.status_code = "200"
"""


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_answers_to_a_browser_have_the_types_of_the_client_that_is_installed(
    client: str, wheel: Wheel, tmp_path: Path
) -> None:
    environment = Environment(tmp_path, wheel, "core")
    environment.install(client)
    (environment.work / "browser.py").write_text(BROWSER)
    python = environment.program("python")
    done = environment.run(*MYPY, "--python-executable", python, "browser.py")
    assert f'note: Revealed type is "{client}._models.Response"' in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Found 1 error "), done.stdout
