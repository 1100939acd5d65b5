"""The example's own sign-in: a name, and no password."""

from uuid import uuid4

import httpx
import pytest

from tests.support.http import problem

pytestmark = pytest.mark.example


async def _sign_in(http: httpx.AsyncClient, name: str) -> httpx.Response:
    return await http.post("/sign-in", json={"name": name})


async def test_a_visitor_is_nobody_and_asking_opens_no_session(http: httpx.AsyncClient) -> None:
    answer = await http.get("/user")

    assert answer.json() == {"user": None}
    assert "set-cookie" not in answer.headers
    assert problem(await http.get("/devices")) == (401, "sign-in-required")


async def test_whoever_gives_a_name_is_signed_in_under_a_new_id_and_keeps_the_count(
    http: httpx.AsyncClient,
) -> None:
    name = uuid4().hex
    await http.post("/incr")
    before = http.cookies["session"]

    assert (await _sign_in(http, f" {name} ")).json() == {"user": name}

    assert http.cookies["session"] != before
    assert (await http.get("/user")).json() == {"user": name}
    assert (await http.post("/incr")).json() == 2
    [device] = (await http.get("/devices")).json()
    assert device["current"]


async def test_another_has_to_be_signed_out_first(http: httpx.AsyncClient) -> None:
    await _sign_in(http, uuid4().hex)
    assert problem(await _sign_in(http, uuid4().hex)) == (409, "signed-in-already")

    await http.post("/logout")

    assert (await _sign_in(http, uuid4().hex)).status_code == 200


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, None, 7, "\ud800"])
async def test_what_is_no_name_is_refused(http: httpx.AsyncClient, name: object) -> None:
    body = (
        b'{"name": "\\ud800"}'
        if name == "\ud800"
        else httpx.Request("POST", "http://x", json={"name": name}).content
    )
    answer = await http.post("/sign-in", content=body, headers={"content-type": "application/json"})

    assert problem(answer) == (422, "invalid-request")
    assert (await http.get("/user")).json() == {"user": None}
