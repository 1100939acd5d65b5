"""Fixtures: stores, a running node, browsers. tests/support says what each can do."""

import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import alone, metrics, outcome, selection, together
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.built_site import built_site
from tests.support.driver import Driver
from tests.support.http import http_client
from tests.support.own_log import logs_no_secret
from tests.support.servers import STORE_SERVERS, StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings, memory_settings, server_settings

Servers = Callable[..., StoreServer]
Nodes = Callable[..., Service]

EXTENDED_APP = "tests.support.extended_app"


# A shell has what runs in its background ignore SIGINT, and so would do all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing that is imported and collected is garbage: to look for some takes a fifth of that time.
gc.disable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file without a fast test for `make test-fast`: each worker would import them all."""
    only_fast = config.option.markexpr == "fast"
    return True if only_fast and not selection.may_be_fast(collection_path) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect garbage from then on, and none of what is there: it stays until the end."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests for the selections of `make test-fast` and of CI, and leave out what says nothing new."""
    selection.mark(items)
    selection.of_chosen_ways(config, items)
    selection.leave_to_proof(config, items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        selection.sort(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the process that distributes tests know which stay together, before it does."""
    together.write_groups(session.config, session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process that runs tests how to do so."""
    together.configure_node(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> together.Together | None:
    """Distribute tests so that groups stay together."""
    return together.make_scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Run the tests marked `alone` with no other beside them."""
    with alone.turn(item, nextitem):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know whether their test has failed."""
    report = yield
    outcome.note(report)
    return report


@pytest.fixture(scope="session")
def _servers() -> Iterator[Servers]:
    """One server of each kind for all tests, started when first asked for; empty when handed out.

    Another one is that of the nodes that tests share: they write while they live.
    """
    running: dict[tuple[str, bool], StoreServer] = {}
    with ExitStack() as stack:

        def get(kind: str, *, of_nodes: bool = False) -> StoreServer:
            key = kind, of_nodes
            if key not in running:
                running[key] = stack.enter_context(store_server(kind))
            running[key].flush()
            return running[key]

        yield get


@pytest.fixture(scope="session")
def docs_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the documentation as it is now."""
    base = tmp_path_factory.getbasetemp()
    return built_site(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(autouse=True)
def _no_secret_in_our_own_log() -> Iterator[None]:
    """Some tests run parts of the service inside their own process (tests/support/in_process.py)."""
    with logs_no_secret():
        yield


@pytest.fixture
def valkey(_servers: Servers) -> StoreServer:
    """Valkey, empty. Shared with other tests: to stop or hang one, see `own_store_server`."""
    return _servers("valkey")


@pytest.fixture
def redis_server(_servers: Servers) -> StoreServer:
    """Redis, empty. Shared with other tests: to stop or hang one, see `own_store_server`."""
    return _servers("redis")


@pytest.fixture(params=STORE_SERVERS)
def shared_store_server(request: pytest.FixtureRequest, _servers: Servers) -> StoreServer:
    """Valkey and Redis in turn, empty."""
    return _servers(request.param)


@pytest.fixture(params=STORE_SERVERS)
def own_store_server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """Valkey and Redis in turn, for this test alone: it may be stopped, hung and killed."""
    with store_server(request.param) as server:
        yield server


@pytest.fixture(params=STORES)
def store_name(request: pytest.FixtureRequest) -> str:
    """Each store in turn; `any_store` and `node` are on this one."""
    name: str = request.param
    return name


@pytest.fixture
def any_store(store_name: str, _servers: Servers) -> StoreSettings:
    """Each store in turn, empty, as settings: `with service(**any_store) as node:`."""
    if store_name == "memory":
        return memory_settings()
    return server_settings(_servers(store_name, of_nodes=True))


@pytest.fixture(scope="session")
def _nodes() -> Iterator[Nodes]:
    """One node for each module and store and its settings, started when first asked for."""
    running: dict[tuple[str, str, str, bool], Service] = {}
    with ExitStack() as stack:

        def get(module: str, name: str, store: StoreSettings, *, quiet: bool = False) -> Service:
            key = module, name, str(store), quiet
            if key not in running or not running[key].alive:
                running[key] = stack.enter_context(service(module=module, **store))
                if not quiet:
                    metrics.BUSY.add(running[key].url)
            return running[key]

        yield get


@pytest.fixture
def node(store_name: str, any_store: StoreSettings, _nodes: Nodes) -> Iterator[Service]:
    """A running node on each store in turn.

    It is shared, as starting one takes a second: a test that ends, hangs or configures its node
    starts its own with `service(...)`. A traceback in the log fails the test that caused it.
    """
    with _nodes("app", store_name, any_store).watched() as shared:
        yield shared


@pytest.fixture
def extended(store_name: str, any_store: StoreSettings, _nodes: Nodes) -> Iterator[Service]:
    """A node of tests/support/extended_app.py, which does more than its app; shared as `node` is."""
    with _nodes(EXTENDED_APP, store_name, any_store).watched() as shared:
        yield shared


@pytest.fixture
def quiet_node(store_name: str, any_store: StoreSettings, _nodes: Nodes) -> Iterator[Service]:
    """As `node`, for tests that count what the store is asked for: shared by such tests alone.

    On `node`, sessions that an earlier test's handshake opened for nobody are discarded meanwhile.
    """
    with _nodes("app", store_name, any_store, quiet=True).watched() as shared:
        yield shared


@pytest.fixture
def quiet_extended(store_name: str, any_store: StoreSettings, _nodes: Nodes) -> Iterator[Service]:
    """As `extended`, for tests that count."""
    with _nodes(EXTENDED_APP, store_name, any_store, quiet=True).watched() as shared:
        yield shared


@pytest.fixture
async def quiet_http(quiet_node: Service) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of `quiet_node` with an empty jar."""
    async with http_client(quiet_node.url) as client:
        yield client


@pytest.fixture
async def http(node: Service) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of `node` with an empty jar."""
    async with http_client(node.url) as client:
        yield client


@pytest.fixture(scope="session")
def _driver() -> Iterator[Callable[[], Driver]]:
    """One Node process for all tests; a new one after a test that ended it."""
    with ExitStack() as stack:
        running: list[Driver] = []

        def get() -> Driver:
            if not (running and running[-1].alive):
                running.append(stack.enter_context(Driver()))
            return running[-1]

        yield get


@pytest.fixture
async def js(_driver: Callable[[], Driver]) -> AsyncIterator[JsClients]:
    """JavaScript browsers and Socket.IO clients, all closed in the end."""
    async with JsClients(_driver()) as clients:
        yield clients


@pytest.fixture
async def browser(js: JsClients, node: Service) -> JsBrowser:
    """A browser with an empty jar, on `node`."""
    return await js.browser(node.url)


@pytest.fixture(params=list(Transport), ids=lambda transport: transport.value)
def transport(request: pytest.FixtureRequest) -> Transport:
    """WebSocket, polling and upgraded in turn."""
    chosen: Transport = request.param
    return chosen
