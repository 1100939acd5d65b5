"""The kit under the pytest settings of users: strict, auto and anyio modes, and warnings that are errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STORY = """
import pytest
from app.testing import TestApp
from tests.testing.product import product

{mark}
async def test_a_story():
    async with TestApp(product(), nodes=2) as test:
        ann = test.browser(node=1)
        await ann.post("/login/ann")
        socket, other = await ann.connect(), await ann.connect("/kept", node=0)
        assert await socket.call("incr") == 1
        test.nodes[1].kill()
        assert await socket.disconnected() == "transport close"
        await test.clock.advance(60)
        assert await other.call("incr") == 2
"""

ANYIO = """
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio"""


OURS_ALONE = ["-p", "no:schemathesis", "-p", "no:valkey"]
"""Plugins that users of the kit do not have."""

LOOP_SCOPE = ["-o", "asyncio_default_fixture_loop_scope=function"]
"""Without it pytest-asyncio itself warns."""


@pytest.mark.parametrize(
    ("mark", "options"),
    [
        pytest.param("", ["-o", "asyncio_mode=auto", *LOOP_SCOPE], id="auto"),
        pytest.param(
            "@pytest.mark.asyncio",
            ["-o", "asyncio_mode=strict", *LOOP_SCOPE],
            id="strict",
            marks=pytest.mark.thorough,
        ),
        pytest.param(ANYIO, ["-p", "no:asyncio"], id="anyio"),
    ],
)
def test_it_works_under_the_settings_of_users(
    mark: str, options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "test_story.py").write_text(STORY.format(mark=mark))
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-W", "error", *OURS_ALONE, *options],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


@pytest.mark.parametrize(
    ("missing", "works", "fails", "says"),
    [
        (
            ["httpx", "httpx2"],
            "FakeClock, StoreContract, BusContract",
            "TestApp",
            "TestApp: httpx is not installed; write: pip install httpx2",
        ),
        (["pytest_asyncio", "pytest"], "FakeClock, TestApp, Browser", "StoreContract", "pytest"),
    ],
)
def test_each_name_needs_only_what_it_uses(
    missing: list[str], works: str, fails: str, says: str
) -> None:
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
        f"from app.testing import {works}\n"
        f"try:\n    from app.testing import {fails}\n"
        "except ModuleNotFoundError as error:\n    print(error.name, error, sep='\\n')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    name, message = ended.stdout.splitlines()
    assert name in missing
    assert says in message
