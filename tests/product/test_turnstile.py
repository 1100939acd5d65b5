"""The app that `make test-product` tests the promises on: what is its own works, whatever is added to it."""

import pytest

from tests.conftest import EXTENDED_APP
from tests.support.http import PROBLEM, http_client, set_cookies
from tests.support.leftovers import INSPECTION_APP
from tests.support.nodes import EMITTING_APP
from tests.support.service import Service, service
from tests.support.stores import memory_settings

pytestmark = pytest.mark.product

TURNSTILE = "tests.product.turnstile:app"
ADDED = {
    "app": "/turnstile/visitor",
    EXTENDED_APP: "/gates/none",
    EMITTING_APP: "/room",
    INSPECTION_APP: "/stored",
}
"""A route of each module that a node is run as."""


@pytest.fixture(params=ADDED)
def module(request: pytest.FixtureRequest) -> str:
    """Each module that a node is run as."""
    name: str = request.param
    return name


async def test_what_is_its_own_works_whatever_tests_add(module: str) -> None:
    async with _turnstile(module) as node, http_client(node.url) as client:
        assert (await client.get(ADDED[module])).status_code == 200
        page = await client.get("/")
        await client.post("/incr")
        closed = await client.post("/turnstile/north/close")

        assert page.text == "<!doctype html>north, south: 0"
        assert (await client.get("/hall/count")).json() == 1
        assert (await client.post("/turnstile/leave")).status_code == 204
        assert (await client.get("/hall/count")).json() == 0
        assert (closed.status_code, closed.json()) == (409, {"closed": "north"})
        for answer in (page, closed, await client.get("/pages/hours.txt")):
            assert answer.headers["x-before"] == answer.headers["x-after"] == "yes"
            assert answer.headers["x-timing"] == answer.request.method


async def test_its_dependency_guards_each_route_of_mooring_and_of_tests(module: str) -> None:
    async with _turnstile(module) as node, http_client(node.url) as mallory:
        mallory.headers["x-visitor"] = "mallory"
        for method, path in [
            ("GET", ADDED[module]),
            ("GET", "/session"),
            ("POST", "/logout"),
            ("POST", "/session/rotate"),
            ("GET", "/metrics"),
        ]:
            refused = await mallory.request(method, path)
            assert refused.status_code == 403
            assert refused.headers["content-type"] == PROBLEM
            assert set_cookies(refused) == []


def _turnstile(module: str) -> Service:
    return service(module=module, app=TURNSTILE, **memory_settings())
