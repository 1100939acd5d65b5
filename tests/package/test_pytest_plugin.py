"""The pytest plugin, by the entry point of the wheel, under the settings of its users."""

import pytest

from tests.package.environments import Environment
from tests.package.wheel import Wheel

APP = """
from fastapi import FastAPI
from fastapi_mooring import EventRouter, Mooring, SessionDep, Settings

app = FastAPI()
mooring = Mooring(app, Settings(session_secrets=["x" * 32], session_idle_timeout=1800))
events = EventRouter()


def add_one(data):
    data["count"] = data.get("count", 0) + 1
    return data["count"]


@app.post("/incr")
async def incr(session: SessionDep) -> int:
    return await session.transact(add_one)


@events.on("incr")
async def incr_by_socket(session: SessionDep) -> int:
    return await session.transact(add_one)


mooring.include_router(events)
"""
STORY = """
import pytest
from shop import app
{backend}

@pytest.fixture
def two(make_test_app):
    return make_test_app(app, nodes=2)

{mark}
async def test_a_story(two, fake_clock):
    ann = two.browser(node=1)
    assert (await ann.post("/incr")).json() == 1
    socket = await ann.connect()
    assert await socket.call("incr") == 2
    await fake_clock.advance(1801)
    assert await socket.disconnected() == "transport close"
"""
SETTINGS = """
[pytest]
filterwarnings = error
addopts = --strict-markers --strict-config -p no:cacheprovider
{mode}
"""
MODES = {
    "auto": ("pytest-asyncio", "", "", "asyncio_mode = auto"),
    "strict": ("pytest-asyncio", "", "@pytest.mark.asyncio", "asyncio_mode = strict"),
    "anyio": (
        "anyio",
        'anyio_backend = pytest.fixture(lambda: "asyncio")',
        "@pytest.mark.anyio",
        "",
    ),
}
LOADED = """
import sys

def test_nothing_was_imported():
    ours = sorted(name for name in sys.modules if name.startswith("fastapi_mooring"))
    assert ours == [
        "fastapi_mooring", "fastapi_mooring.extras", "fastapi_mooring.import_guard",
        "fastapi_mooring.testing", "fastapi_mooring.testing.pytest_plugin",
    ]
    assert not {"fastapi", "httpx", "pydantic", "redis", "socketio", "starlette"} & set(sys.modules)
"""


def _pytest(environment: Environment, name: str, *options: str, **settings: str) -> str:
    python = environment.program("python")
    done = environment.run(python, "-X", "dev", "-m", "pytest", "-q", *options, name, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "warning" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("mode", MODES)
def test_fixtures_serve_users_of_every_plugin_and_mode(newest: Environment, mode: str) -> None:
    package, backend, mark, setting = MODES[mode]
    newest.install("pytest", "httpx", package)
    folder = newest.work / f"plugin-{mode}"  # its settings are for nobody else
    folder.mkdir()
    (folder / "shop.py").write_text(APP)
    (folder / "test_shop.py").write_text(STORY.format(backend=backend, mark=mark))
    scope = "asyncio_default_fixture_loop_scope = function"
    settings = f"{setting}\n{scope}" if setting else ""
    (folder / "pytest.ini").write_text(SETTINGS.format(mode=settings))
    options = () if setting else ("-p", "no:asyncio")
    _pytest(newest, f"{folder.name}/test_shop.py", *options)


def test_runs_of_others_load_the_plugin_and_nothing_else(core: Environment) -> None:
    core.install("pytest")
    (core.work / "test_loaded.py").write_text(LOADED)
    # anyio's plugin comes with FastAPI; what it loads is not what is looked for.
    _pytest(core, "test_loaded.py", "-p", "no:anyio", "-W", "error")


def test_without_plugins_by_themselves_it_is_asked_for_by_name(core: Environment) -> None:
    core.install("pytest")
    (core.work / "test_clock.py").write_text(
        "def test_it(fake_clock): assert fake_clock.time() > 0\n"
    )
    name = "fastapi_mooring.testing.pytest_plugin"
    _pytest(core, "test_clock.py", "-p", name, "-W", "error", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def test_the_entry_point_names_the_plugin(wheel: Wheel) -> None:
    (file,) = (name for name in wheel.files if name.endswith(".dist-info/entry_points.txt"))
    points = wheel.files[file].decode()
    assert "[pytest11]\nfastapi-mooring = fastapi_mooring.testing.pytest_plugin\n" in points
