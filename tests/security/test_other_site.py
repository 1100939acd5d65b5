"""Cookies in a real Chromium over HTTPS: a page on one site, the API on another, over two nodes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import chromium
from tests.support.balancer import balancer
from tests.support.certificates import Certificate, self_signed
from tests.support.in_thread import in_thread
from tests.support.issued import note_issued
from tests.support.processes import ROOT, free_port
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import server_settings

# One process makes the browser for all of them.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("other site")]

APP, API = "app.example.test", "api.other.test"
NODES = ("127.0.0.2", "127.0.0.3")
STICKY = "secure attr SameSite=None attr Partitioned"
SETTINGS = {
    "cors_origins": f"https://{APP}",
    "session_cookie_samesite": "none",
    "session_cookie_secure": "true",
    "session_cookie_partitioned": "true",
}


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def _site(certificate: Certificate) -> Iterator[int]:
    """Serve the page over HTTPS; gives the port."""
    files = partial(_Handler, directory=str(ROOT / "tests" / "security" / "other_site"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.file, certificate.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), files)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with in_thread(server) as port:
        yield port


@dataclass(frozen=True)
class Sites:
    """Both sites as a browser knows them, whose pages trust no certificate but the one made here."""

    browser: Browser
    api_port: int
    """Where the balancer is to listen."""
    certificate: Certificate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sites]:
    """The page, served on its site, and a browser that finds it and the API."""
    certificate = self_signed(tmp_path_factory.mktemp("sites"), APP, API)
    trust = f"--ignore-certificate-errors-spki-list={certificate.spki}"
    with _site(certificate) as app_port:
        ports = {f"{APP}:443": app_port, f"{API}:443": free_port()}
        async with async_playwright() as driver, chromium(driver, ports, trust) as browser:
            yield Sites(browser, ports[f"{API}:443"], certificate)


@asynccontextmanager
async def _page(sites: Sites, store: StoreServer, **settings: object) -> AsyncIterator[Page]:
    """The page in a new profile, and the API on two nodes."""
    port = free_port()
    options = server_settings(store) | SETTINGS | settings
    front = {"bind": f"ssl crt {sites.certificate.both}", "listen": str(sites.api_port)}
    async with AsyncExitStack() as stack:
        nodes = [service(host=address, port=port, **options) for address in NODES]
        await asyncio.gather(*(stack.enter_async_context(node) for node in nodes))
        await stack.enter_async_context(balancer([*NODES], port, STICKY=STICKY, **front))
        context = await stack.enter_async_context(await sites.browser.new_context())
        page = await context.new_page()
        await page.goto(f"https://{APP}/")
        yield page


async def _session_cookie(page: Page) -> dict[str, Any]:
    """The one cookie of the session, as the browser keeps it."""
    cookies = [dict(each) for each in await page.context.cookies() if each["name"] != "node"]
    assert len(cookies) == 1, cookies
    note_issued([f"{cookies[0]['name']}={cookies[0]['value']}"])
    return cookies[0]


@pytest.mark.parametrize(
    "transport", ["polling", pytest.param("websocket", marks=pytest.mark.thorough)]
)
async def test_a_page_on_another_site_logs_through_by_fetch_and_by_socket(
    sites: Sites, valkey: StoreServer, transport: str
) -> None:
    async with _page(sites, valkey) as page:
        assert await page.evaluate("request('POST', '/incr')") == 1
        assert await page.evaluate("request('POST', '/incr')") == 2
        cookie = await _session_cookie(page)
        await page.evaluate("transport => connect(transport)", transport)
        assert await page.evaluate("emit('incr')") == 3
        assert await page.evaluate("request('POST', '/incr')") == 4
        await page.wait_for_function("heard.some(([name, count]) => count === 4)")
        assert (await _session_cookie(page))["value"] == cookie["value"]

        await page.evaluate("request('POST', '/session/rotate')")
        await page.wait_for_function("heard.some(([, how]) => how === 'transport close')")
        await page.wait_for_function("socket.connected")
        assert await page.evaluate("emit('incr')") == 5
        assert (await _session_cookie(page))["value"] != cookie["value"]

        await page.evaluate("request('POST', '/logout')")
        await page.wait_for_function("heard.some(([, how]) => how === 'io server disconnect')")
        assert [each["name"] for each in await page.context.cookies()] == ["node"]

    assert cookie["name"] == "__Host-session"
    assert (cookie["secure"], cookie["httpOnly"], cookie["path"]) == (True, True, "/")
    assert (cookie["sameSite"], cookie["domain"]) == ("None", API)
    assert cookie["partitionKey"] == "https://example.test"


@pytest.mark.parametrize(
    "transport", [pytest.param("polling", marks=pytest.mark.thorough), "websocket"]
)
async def test_a_first_contact_by_socket_from_another_site_opens_the_session_of_its_fetches(
    sites: Sites, valkey: StoreServer, transport: str
) -> None:
    async with _page(sites, valkey) as page:
        await page.evaluate("transport => connect(transport)", transport)
        assert await page.evaluate("emit('incr')") == 1
        assert await page.evaluate("request('POST', '/incr')") == 2
        await _session_cookie(page)

        # The API's own pages are another partition, with a session of their own.
        await page.goto(f"https://{API}/session")
        assert '"count":0' in await page.inner_text("body")


@pytest.mark.parametrize(
    "weaker",
    [{"session_cookie_samesite": "lax"}, {"session_cookie_partitioned": "false"}],
    ids=["lax", "not partitioned"],
)
async def test_without_one_of_these_attributes_the_browser_keeps_no_cookie_of_another_site(
    sites: Sites, valkey: StoreServer, weaker: dict[str, str]
) -> None:
    async with _page(sites, valkey, **weaker) as page:
        assert await page.evaluate("request('POST', '/incr')") == 1
        assert await page.evaluate("request('POST', '/incr')") == 1
