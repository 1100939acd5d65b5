"""The pytest plugin, in runs of pytest of their own; tests/package has it by its entry point."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.testing.pytest_runs import run_pytest

pytest_plugins = ["pytester"]

pytestmark = pytest.mark.slow

PLUGIN = "app.testing.pytest_plugin"
LOOP_SCOPE = ["-o", "asyncio_default_fixture_loop_scope=function"]
"""Without it pytest-asyncio itself warns."""

STORY = """
    import pytest
    from tests.testing.product import product

    {backend}

    @pytest.fixture
    def two(make_test_app):
        return make_test_app(product(session_idle_timeout=1800), nodes=2)

    {mark}
    async def test_a_story(two, fake_clock):
        ann = two.browser(node=1)
        assert (await ann.post("/incr")).json() == 1
        socket = await ann.connect()
        assert await socket.call("incr") == 2
        await fake_clock.advance(1801)
        assert await socket.expect("session ended") == {{"reason": "expired"}}
        assert await socket.disconnected() == "transport close"
        assert two.clock is fake_clock
"""
ANYIO_BACKEND = 'anyio_backend = pytest.fixture(lambda: "asyncio")'


Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Return what runs a test module with the plugin, where all warnings are errors."""
    return partial(_run, pytester)


@pytest.fixture
def run_alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `run`, by an interpreter that has imported nothing yet."""
    monkeypatch.setenv("SERVICE_START", "spawn")
    return partial(_run, pytester)


def _run(pytester: pytest.Pytester, module: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(module)
    return run_pytest(pytester.path, "-p", PLUGIN, *options)


@pytest.mark.parametrize(
    ("backend", "mark", "options"),
    [
        ("", "", ["-o", "asyncio_mode=auto", *LOOP_SCOPE]),
        ("", "@pytest.mark.asyncio", ["-o", "asyncio_mode=strict", *LOOP_SCOPE]),
        (ANYIO_BACKEND, "@pytest.mark.anyio", ["-p", "no:asyncio"]),
        (ANYIO_BACKEND, "@pytest.mark.anyio", ["-o", "asyncio_mode=strict", *LOOP_SCOPE]),
    ],
    ids=["auto", "strict", "anyio", "anyio beside strict"],
)
def test_one_fixture_serves_all_modes(
    run: Run, backend: str, mark: str, options: list[str]
) -> None:
    story = STORY.format(backend=backend, mark=mark)
    strict = ["--strict-markers", "--strict-config"]
    run(story, *options, *strict).assert_outcomes(passed=1)


def test_the_nodes_stop_after_each_test_also_after_one_that_fails(run: Run) -> None:
    result = run(
        """
        import asyncio, threading
        import pytest
        from tests.testing.product import product

        def nodes():
            return [each for each in threading.enumerate() if each.name == "mooring node"]

        def test_that_fails(make_test_app):
            one, two = make_test_app(product()), make_test_app(product(), nodes=2)
            two.nodes[0].hang()
            assert len(nodes()) == 0, "on purpose"

        def test_after_it():
            assert nodes() == []

        @pytest.mark.asyncio
        async def test_that_leaves_somebody_waiting(make_test_app):
            socket = await make_test_app(product()).browser().connect()
            asyncio.create_task(socket.expect("never"))
            asyncio.create_task(socket.call("incr"))

        def test_after_that():
            assert nodes() == []
        """,
        *LOOP_SCOPE,
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: on purpose"])


def test_what_the_lifespan_raises_fails_the_test_or_its_end(run: Run) -> None:
    result = run(
        """
        import pytest
        from tests.testing.product import product

        async def fail():
            raise RuntimeError("no database")

        def test_start(make_test_app):
            app = product()
            app.router.on_startup.append(fail)
            with pytest.raises(RuntimeError, match="no database"):
                make_test_app(app)

        def test_stop(make_test_app):
            app = product()
            app.router.on_shutdown.append(fail)
            make_test_app(app)
        """,
        *LOOP_SCOPE,
    )
    result.assert_outcomes(passed=2, errors=1)


def test_it_may_be_asked_for_while_an_event_loop_runs(run: Run) -> None:
    result = run(
        """
        import pytest
        from tests.testing.product import product

        @pytest.mark.asyncio
        async def test_within(request):
            test = request.getfixturevalue("make_test_app")(product())
            assert (await test.browser().post("/incr")).json() == 1
        """,
        *LOOP_SCOPE,
    )
    result.assert_outcomes(passed=1)


def test_it_imports_nothing_until_a_fixture_is_used(run_alone: Run) -> None:
    result = run_alone(
        """
        import sys

        def test_nothing():
            mooring = [name for name in sys.modules if name.partition(".")[0] == "app"]
            assert sorted(mooring) == [
                "app", "app.extras", "app.import_guard", "app.testing", "app.testing.pytest_plugin"
            ]
            assert not {"fastapi", "httpx", "pydantic", "socketio"} & set(sys.modules)
        """,
        *("-p", "no:anyio", "-p", "no:asyncio", "-p", "no:xdist"),
    )
    result.assert_outcomes(passed=1)


def test_fixtures_of_a_user_win(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def fake_clock():
            return "the user's own"

        def test_mine(fake_clock):
            assert fake_clock == "the user's own"
        """,
        *LOOP_SCOPE,
    )
    result.assert_outcomes(passed=1)


def test_it_has_a_fixture_of_each_name_with_words_and_nothing_else(run: Run) -> None:
    result = run("", "--fixtures", *LOOP_SCOPE)
    result.stdout.fnmatch_lines(["fake_clock -- *", "*FakeClock*", "make_test_app -- *", "*nodes*"])
    plugin = __import__(PLUGIN, fromlist=["*"])
    assert not [name for name in vars(plugin) if name.startswith("pytest_")]
