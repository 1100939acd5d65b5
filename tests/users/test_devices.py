"""The list of a user's devices, and the end of one or of all others."""

from datetime import datetime, timedelta
from functools import partial

import httpx
import pytest

from tests.mooring.test_attach import settings
from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.kit import Kit
from tests.support.servers import STORE_SERVERS
from tests.support.service import Service, service
from tests.support.stores import StoreSettings
from tests.users.conftest import PRODUCT
from tests.users.factory import new_product
from tests.users.test_sign_in import FIREFOX, name

CLIENTS = {
    FIREFOX: "Firefox on Linux",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1": "Mobile Safari on iOS",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Safari/537.36": "Chrome on Windows",
    "nobody knows this one": None,
    "": None,
    "(" * 5000: None,
}


@pytest.mark.parametrize(("user_agent", "label"), CLIENTS.items(), ids=map(str, CLIENTS.values()))
async def test_a_device_has_a_name_a_time_and_an_address(
    ann: httpx.AsyncClient, user_agent: str, label: str | None
) -> None:
    user = name()
    header = {"user-agent": user_agent}
    key = (await ann.post("/login", json={"user": user}, headers=header)).json()

    [device] = (await ann.get("/devices")).json()

    assert device["key"] == key
    assert (device["label"], device["address"]) == (label, "127.0.0.1")
    assert (device["sockets"], device["current"]) == (0, True)
    times = [
        datetime.fromisoformat(device[at]) for at in ("created_at", "signed_in_at", "last_seen_at")
    ]
    assert times == sorted(times)
    assert times[2] - times[0] < timedelta(seconds=10)


async def test_a_label_of_the_app_s_own_goes_before(ann: httpx.AsyncClient) -> None:
    user = name()
    label = "Zoë's fridge 😀"
    await ann.post("/login", json={"user": user, "label": label}, headers={"user-agent": FIREFOX})

    [device] = (await ann.get("/devices")).json()
    assert device["label"] == label


async def test_the_list_has_the_live_sessions_of_the_user_alone(
    ann: httpx.AsyncClient, other: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    keys = [(await client.post("/login", json={"user": user})).json() for client in (ann, other)]
    async with http_client(product.url) as stranger:
        await stranger.post("/login", json={"user": name()})
        assert len((await stranger.get("/devices")).json()) == 1

    assert {each["key"] for each in (await ann.get("/devices")).json()} == set(keys)
    await other.post("/sign-out")
    assert [each["key"] for each in (await ann.get("/devices")).json()] == keys[:1]
    await ann.post("/session/rotate")
    [device] = (await ann.get("/devices")).json()
    assert device["current"]
    assert device["key"] != keys[0]


async def test_a_device_s_sockets_are_counted(
    js: JsClients, ann: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    await ann.post("/login", json={"user": user})
    browser = await js.browser(product.url, cookie=f"session={ann.cookies['session']}")
    await browser.connect()

    async def has_one() -> bool:
        [device] = (await ann.get("/devices")).json()
        return bool(device["sockets"] == 1)

    await eventually(has_one)
    assert (await ann.get(f"/online/{user}")).json() is True
    assert (await ann.get(f"/online/{name()}")).json() is False


async def test_one_device_is_signed_out_and_its_sockets_with_it(
    js: JsClients, ann: httpx.AsyncClient, other: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    await ann.post("/login", json={"user": user})
    key = (await other.post("/login", json={"user": user})).json()
    browser = await js.browser(product.url, cookie=f"session={other.cookies['session']}")
    socket = await browser.connect()

    assert (await ann.delete(f"/devices/{key}")).status_code == 204

    assert (await socket.wait_for("disconnect", within=1.0)).args[0] == "io server disconnect"
    assert socket.values("session ended") == [{"reason": "revoked"}]
    assert problem(await other.get("/me")) == (401, "sign-in-required")
    assert (await ann.get("/me")).json() == user
    assert (await ann.delete(f"/devices/{key}")).status_code == 404


async def test_all_others_are_signed_out(ann: httpx.AsyncClient, product: Service) -> None:
    user = name()
    others = [http_client(product.url) for _ in range(3)]
    for client in [*others, ann]:
        await client.post("/login", json={"user": user})

    assert (await ann.delete("/devices")).json() == {"ended": 3}

    assert len((await ann.get("/devices")).json()) == 1
    for client in others:
        assert problem(await client.get("/me")) == (401, "sign-in-required")
        await client.aclose()


async def test_the_own_device_is_signed_out_with_its_cookie(ann: httpx.AsyncClient) -> None:
    key = (await ann.post("/login", json={"user": name()})).json()

    answer = await ann.delete(f"/devices/{key}")

    assert answer.status_code == 204
    assert "session" not in ann.cookies


@pytest.mark.parametrize("key", ["0" * 64, "x", "..", "0" * 63])
async def test_a_device_of_another_user_is_not_there(
    ann: httpx.AsyncClient, other: httpx.AsyncClient, key: str
) -> None:
    await ann.post("/login", json={"user": name()})
    theirs = (await other.post("/login", json={"user": name()})).json()

    assert (await ann.delete(f"/devices/{theirs}")).status_code == 404
    assert (await ann.delete(f"/devices/{key}")).status_code in (404, 422)
    assert (await other.get("/me")).status_code == 200


async def test_nobody_signed_in_has_no_devices(ann: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/devices"),
        ("DELETE", "/devices"),
        ("DELETE", f"/devices/{'0' * 64}"),
    ):
        answer = await ann.request(method, path)
        assert problem(answer) == (401, "sign-in-required")
        assert "set-cookie" not in answer.headers


async def test_the_device_that_asks_is_told_from_the_others() -> None:
    async with Kit(new_product(settings()).app) as test:
        browsers, user = [test.browser() for _ in range(3)], name()
        keys = [(await each.post("/login", json={"user": user})).json() for each in browsers]
        for browser, key in zip(browsers, keys, strict=True):
            devices = (await browser.get("/devices")).json()
            assert [each["key"] for each in devices if each["current"]] == [key]
            assert len(devices) == len(keys)


async def test_beyond_the_most_devices_the_oldest_is_signed_out() -> None:
    async with Kit(new_product(settings(session_max_per_user=2)).app) as test:
        browsers, user = [test.browser() for _ in range(3)], name()
        await browsers[0].post("/login", json={"user": user})
        socket = await browsers[0].connect()
        for each in browsers[1:]:
            await test.clock.advance(1)
            await each.post("/login", json={"user": user})
        assert await socket.expect("session ended") == {"reason": "revoked"}
        assert [await _devices(each, 2) for each in browsers[1:]] == [True, True]
        assert problem(await browsers[0].get("/devices")) == (401, "sign-in-required")


async def test_where_addresses_are_off_none_is_kept() -> None:
    app = new_product(settings(session_address=False)).app
    async with Kit(app) as test:
        ann = test.browser()
        await ann.post("/login", json={"user": name()}, headers={"user-agent": FIREFOX})
        [device] = (await ann.get("/devices")).json()
        assert (device["label"], device["address"]) == ("Firefox on Linux", None)


async def test_an_expired_session_is_no_device() -> None:
    app = new_product(settings(session_idle_timeout=60)).app
    async with Kit(app) as test:
        one, two, user = test.browser(), test.browser(), name()
        for each in (one, two):
            await each.post("/login", json={"user": user})
        await test.clock.advance(45)
        assert await _devices(one, 2)
        await test.clock.advance(20)
        assert await _devices(one, 1)
        await test.clock.advance(65)
        assert problem(await one.get("/devices")) == (401, "sign-in-required")


async def _devices(client: httpx.AsyncClient, count: int) -> bool:
    return len((await client.get("/devices")).json()) == count


@pytest.mark.parametrize("store_name", STORE_SERVERS, indirect=True)
async def test_a_session_that_a_server_has_forgotten_is_no_device(any_store: StoreSettings) -> None:
    async with (
        service(app=PRODUCT, session_idle_timeout=2, **any_store) as node,
        http_client(node.url) as one,
        http_client(node.url) as two,
    ):
        user = name()
        await one.post("/login", json={"user": user})
        await two.post("/login", json={"user": user})
        assert await _devices(one, 2)
        await eventually(partial(_devices, one, 1))
