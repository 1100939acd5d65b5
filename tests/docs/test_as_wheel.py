"""`fastapi_mooring` is the checkout's package while documentation is run, not a copy of it."""

import importlib
import subprocess
import sys

import pytest

from tests.docs import as_wheel
from tests.support.processes import ROOT


def test_the_modules_are_the_same_and_keep_their_own_specs() -> None:
    as_wheel.install()
    for name in ("", ".sessions", ".sessions.errors"):
        alias = importlib.import_module(as_wheel.WHEEL + name)
        own = importlib.import_module(as_wheel.CHECKOUT + name)
        assert alias is own
        assert own.__spec__ is not None
        assert own.__spec__.name == own.__name__ == as_wheel.CHECKOUT + name


def test_what_is_not_there_is_not_found_under_the_other_name() -> None:
    as_wheel.install()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{as_wheel.WHEEL}.no_such_module")


def test_an_error_is_caught_under_either_name_whichever_was_imported_first() -> None:
    code = (
        "import tests.docs.as_wheel\n"
        "from fastapi_mooring.sessions import StoreFullError\n"
        "from app.sessions import SessionError\n"
        "assert issubclass(StoreFullError, SessionError)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True, timeout=30)
