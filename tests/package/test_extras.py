"""Without an extra: a message that names it, where it is needed, and nowhere else."""

import shutil

import pytest

from tests.package.environments import Environment
from tests.package.served import APP, COUNTER
from tests.support.service import SECRET

REDIS = {"SESSION_STORE": "redis", "SESSION_SECRETS": SECRET}
NEEDS_REDIS = "pip install 'fastapi-mooring[redis]'"
NEEDS_SERVER = "pip install 'fastapi-mooring[server]'"


def test_redis_store_is_exported_where_redis_is_installed(newest: Environment) -> None:
    code = "import fastapi_mooring as m; from fastapi_mooring import *; print(m.RedisStore is RedisStore)"
    assert newest.python(code) == "True"


def test_redis_store_without_the_extra_raises_an_import_error_that_names_it(
    core: Environment,
) -> None:
    code = """
try:
    from fastapi_mooring import RedisStore
except ImportError as error:
    print(error)
"""
    assert NEEDS_REDIS in core.python(code)


def test_names_that_are_not_exported_raise_as_they_always_do(core: Environment) -> None:
    code = """
import fastapi_mooring
print(hasattr(fastapi_mooring, "Redis"), "RedisStore" in dir(fastapi_mooring))
"""
    assert core.python(code) == "False True"


def test_app_with_a_redis_store_without_the_extra_is_refused(core: Environment) -> None:
    code = """
import fastapi, fastapi_mooring
try:
    fastapi_mooring.Mooring(fastapi.FastAPI())
except fastapi_mooring.SettingsError as error:
    print(error)
"""
    message = core.python(code, **REDIS)
    assert message.startswith("SESSION_STORE: ")
    assert NEEDS_REDIS in message


@pytest.mark.parametrize("command", ["module", "script"])
def test_service_with_a_redis_store_without_the_extra_refuses_to_start(
    server: Environment, command: str
) -> None:
    shutil.copy(COUNTER, server.work)
    program = [server.program("python"), "-m", "fastapi_mooring"]
    done = server.run(
        *(program if command == "module" else [server.program("mooring")]), APP, **REDIS
    )
    assert done.returncode == 2
    assert "mooring cannot start: SESSION_STORE: " in done.stderr
    assert NEEDS_REDIS in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["module", "script"])
def test_service_without_a_server_says_which_extra_has_it(core: Environment, command: str) -> None:
    program = [core.program("python"), "-m", "fastapi_mooring"]
    done = core.run(*(program if command == "module" else [core.program("mooring")]), APP)
    assert done.returncode == 2
    assert done.stderr.startswith("mooring cannot start: ")
    assert NEEDS_SERVER in done.stderr
    assert "Traceback" not in done.stderr
