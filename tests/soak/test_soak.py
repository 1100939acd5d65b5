"""Soaks of half a minute: the clients do what they say, and a leak is found."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from tests.soak import RELOAD_SECONDS
from tests.soak.run import PRODUCT, Crowd, Plan, soak
from tests.support.driver import Driver
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.servers import store_server
from tests.support.service import service
from tests.support.stores import server_settings

pytestmark = pytest.mark.thorough

LEAKING = "tests.soak.leaking:app"
UNCOLLECTED = "tests.soak.uncollected:app"
PLAN = Plan(clients=24, js_clients=3, processes=1, pace=0.2)
_ENOUGH = 500
"""Things that clients have done, of each kind some."""
_SOME = 60
"""Entries by which a node may differ from itself after a fiftieth of so many things."""
_LIMITED = {
    *("SessionManager._recent_locks", "ReceivedSequences._order", "ReceivedSequences._received"),
    *("_Numbers._order", "_Numbers._known"),
}
"""Attributes that keep the last few hundred of something, however many come."""


@asynccontextmanager
async def _two_nodes(
    app: str, **options: object
) -> AsyncIterator[tuple[list[str], Driver, httpx.AsyncClient]]:
    """Two nodes on a Valkey: their URLs, what runs clients in JavaScript, and a client of the first."""
    async with AsyncExitStack() as stack:
        settings = server_settings(stack.enter_context(store_server("valkey"))) | {
            "session_reload_interval": RELOAD_SECONDS,
            **options,
        }
        nodes = [await stack.enter_async_context(service(app=app, **settings)) for _ in range(2)]
        driver = stack.enter_context(Driver())
        http = await stack.enter_async_context(http_client(nodes[0].url))
        yield [node.url for node in nodes], driver, http


async def test_a_task_and_a_file_that_each_sign_in_leaves_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.soak.run._SETTLE_SECONDS", 10.0)
    plan = Plan(
        seconds=12,
        warm_up=4,
        clients=24,
        js_clients=3,
        processes=1,
        pace=0.3,
        every=0.5,
        app=LEAKING,
    )
    report = await soak(plan, print)

    remains = {each.name for each in report.findings if each.remains}
    for node in ("node 0", "node 1"):
        assert {f"tasks of {node}", f"fds of {node}"} <= remains
    assert "lasting keys" not in remains
    assert not report.ok
    for deed in ("deed", "log out", "rotate", "end", "vanish", "js deed", "js log out"):
        assert report.done[deed], deed
    assert report.done["recovered"] > report.done["recover"] / 2
    assert report.share_wrong < 0.01, report.wrong


# uvicorn's own protocols have circles: with fast paths, whatever the run says.
@pytest.mark.no_fast_path
async def test_nothing_that_clients_do_waits_for_the_garbage_collector() -> None:
    async with _two_nodes(UNCOLLECTED, fast_paths="auto") as (urls, driver, http):
        crowd = Crowd(PLAN, urls, driver)
        async with crowd.here():
            await eventually(lambda: crowd.done.total() > _ENOUGH, within=30)
            await http.post("/watch")
            before = crowd.done.total()
            await eventually(lambda: crowd.done.total() > before + _ENOUGH, within=60)
        found: dict[str, int] = (await http.get("/garbage")).json()
    done = crowd.done.total() - before
    assert sum(found.values()) < done / 10, found


async def test_when_all_have_gone_nothing_is_kept_of_what_they_have_done() -> None:
    """Beyond what was there when they had come and gone once, but for what has a limit of its own."""
    async with _two_nodes(PRODUCT) as (urls, driver, http):

        async def come_and_go(things: int) -> None:
            crowd = Crowd(PLAN, urls, driver)
            async with crowd.here():
                await eventually(lambda: crowd.done.total() > things, within=90)

        async def kept() -> Counter[str]:
            found: dict[str, int] = (await http.get("/kept")).json()
            return Counter({each: found[each] for each in found if each not in _LIMITED})

        async def nothing_more() -> bool:
            more = await kept() - before
            left = {each: number for each, number in more.items() if number > _SOME}
            assert not left
            return True

        await come_and_go(_ENOUGH)
        before = await kept()
        await come_and_go(6 * _ENOUGH)
        await eventually(nothing_more, within=120)


async def test_caches_of_a_limited_size_are_not_counted() -> None:
    async with service(app=PRODUCT) as node, http_client(node.url) as http:
        for number in range(3):
            await http.post("/login", json={"user": f"user-{number}"})
            http.cookies.clear()
        kind = "app.sessions.sign_in.SignIn"
        assert (await http.get("/objects")).json()[kind] >= 3
        await http.get("/held")
        assert kind not in (await http.get("/objects")).json()
