"""Type checkers see the types of the installed package."""

import shutil
import sys

from tests.package.environments import Environment
from tests.package.served import COUNTER

MYPY = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="]

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
