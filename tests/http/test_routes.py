"""The routes of the example, as the table of the documentation has them."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.browsers import JsBrowser
from tests.support.eventually import eventually
from tests.support.http import cookie_header, http_client, set_cookies, the_set_cookie
from tests.support.metrics import store_calls
from tests.support.service import Service

RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def test_the_page_opens_a_session(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    the_set_cookie(answer)
    assert (await http.post("/incr")).json() == 1


async def test_session_says_count_times_and_sockets(http: httpx.AsyncClient) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    seen = (await http.get("/session")).json()

    assert seen.keys() == {"count", "created_at", "expires_at", "sockets"}
    assert (seen["count"], seen["sockets"]) == (0, 0)
    for name in ("created_at", "expires_at"):
        assert RFC_3339_UTC.fullmatch(seen[name])
    created, expires = map(datetime.fromisoformat, (seen["created_at"], seen["expires_at"]))
    assert before < created < before + timedelta(seconds=10)
    assert timedelta(seconds=1799) < expires - created < timedelta(seconds=1810)


async def test_session_counts_the_live_sockets_of_this_session_alone(
    browser: JsBrowser, http: httpx.AsyncClient
) -> None:
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()

    async def counted(expected: int) -> bool:
        return (await browser.fetch("GET", "/session")).json()["sockets"] == expected  # type: ignore[no-any-return] # JSON

    await eventually(lambda: counted(3))
    assert (await http.get("/session")).json()["sockets"] == 0
    await sockets[0].close()
    await eventually(lambda: counted(2))


async def test_incr_answers_the_new_count_as_a_bare_number(http: httpx.AsyncClient) -> None:
    for count in (1, 2, 3):
        answer = await http.post("/incr")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.text == str(count)


async def test_incr_takes_any_body_and_looks_at_none(http: httpx.AsyncClient) -> None:
    assert (await http.post("/incr", content=b"\xff\xfe")).json() == 1
    assert (await http.post("/incr", json={"by": 100})).json() == 2
    assert (await http.post("/incr", params={"by": 100})).json() == 3


async def test_logout_answers_204_and_clears_the_cookie(http: httpx.AsyncClient) -> None:
    await http.post("/incr")

    answer = await http.post("/logout")

    assert answer.status_code == 204
    assert answer.content == b""
    assert the_set_cookie(answer).clears
    assert (await http.post("/incr")).json() == 1


async def test_logout_answers_the_same_without_a_session_and_opens_none(
    quiet_http: httpx.AsyncClient,
) -> None:
    before = await store_calls(quiet_http)
    for cookie in ("", "session=made.up"):
        answer = await quiet_http.post("/logout", headers={"cookie": cookie})
        assert answer.status_code == 204
        assert the_set_cookie(answer).clears
    assert await store_calls(quiet_http) == before


async def test_logout_answers_the_same_for_a_session_that_has_ended(
    http: httpx.AsyncClient,
) -> None:
    await http.post("/incr")
    old = cookie_header(http)

    for _ in range(3):
        answer = await http.post("/logout", headers={"cookie": old})
        assert answer.status_code == 204
        assert the_set_cookie(answer).clears


async def test_rotate_answers_204_and_a_new_cookie(http: httpx.AsyncClient) -> None:
    await http.post("/incr")
    old = cookie_header(http)

    answer = await http.post("/session/rotate")

    assert answer.status_code == 204
    assert answer.content == b""
    cookie = the_set_cookie(answer)
    assert cookie.pair != old
    assert not cookie.clears


async def test_rotate_without_a_session_opens_one_with_a_single_cookie(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.post("/session/rotate")

    assert answer.status_code == 204
    the_set_cookie(answer)
    assert (await http.post("/incr")).json() == 1
    assert not set_cookies(await http.get("/session"))


@pytest.mark.parametrize("path", ["/session", "/incr", "/logout", "/session/rotate"])
async def test_another_method_is_answered_405_and_opens_nothing(
    quiet_http: httpx.AsyncClient, path: str
) -> None:
    before = await store_calls(quiet_http)
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await quiet_http.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] in ("GET", "POST")
        assert not set_cookies(answer)
    assert await store_calls(quiet_http) == before


async def test_browsers_with_jars_of_their_own_have_sessions_of_their_own(node: Service) -> None:
    async with http_client(node.url) as one, http_client(node.url) as other:
        assert [(await one.post("/incr")).json() for _ in range(2)] == [1, 2]
        assert (await other.post("/incr")).json() == 1
