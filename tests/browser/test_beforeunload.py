"""P12 in Chromium: what a page emits as it goes is handled."""

import pytest

from tests.browser.chromium import Profile, file_name, profile
from tests.browser.conftest import Window
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.nginx import API
from tests.support.service import service
from tests.support.stores import StoreSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = 6


_EMIT_AT_THE_END = """transports => new Promise(resolve => {
  const socket = io({ transports });
  socket.on("connect", () => {
    const engine = socket.io.engine;
    engine.transport.name === "websocket" ? resolve() : engine.once("upgrade", resolve);
  });
  addEventListener("beforeunload", () => socket.emit("incr"));
})"""


@pytest.mark.parametrize(
    ("store_name", "transports"),
    [
        pytest.param("memory", ["websocket"], marks=pytest.mark.thorough),
        ("valkey", ["polling", "websocket"]),
        pytest.param("memory", ["polling", "websocket"], marks=pytest.mark.thorough),
        pytest.param("valkey", ["websocket"], marks=pytest.mark.thorough),
    ],
    indirect=["store_name"],
    ids=["memory-1", "valkey-2", "memory-2", "valkey-1"],
)
async def test_an_event_that_a_page_emits_as_it_goes_is_handled(
    window: Window,
    request: pytest.FixtureRequest,
    any_store: StoreSettings,
    transports: list[str],
) -> None:
    with service(port=window.port, **any_store) as node:
        async with profile(window.browser, file_name(request.node.name)) as tabs:
            for number in range(PAGES):
                await _open_and_leave(tabs, transports, close=number % 2 == 0)
            cookies = await tabs.cookies()
            async with http_client(node.url, cookie=f"session={cookies['session']}") as client:

                async def all_are_counted() -> bool:
                    count: int = (await client.get("/session")).json()["count"]
                    return count == PAGES

                await eventually(all_are_counted)


async def _open_and_leave(tabs: Profile, transports: list[str], *, close: bool) -> None:
    page = await tabs.open(f"{API}/")
    await page.add_script_tag(url=f"{API}/socket.io/socket.io.js")
    await page.evaluate(_EMIT_AT_THE_END, transports)
    if close:
        await page.close(run_before_unload=True)
    else:
        await page.goto(f"{API}/session")
