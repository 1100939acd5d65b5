"""What a browser is told about the cookie, by setting."""

from typing import Any

import pytest

from app.backends import Backend
from app.sessions import MemoryStore
from tests.support.clock import Clock
from tests.support.http import SetCookie, the_set_cookie
from tests.support.in_process import in_process

Attributes = dict[str, str | None]

ALWAYS: Attributes = {"path": "/", "httponly": None}
BY_SETTING: list[tuple[dict[str, Any], str, Attributes]] = [
    ({}, "session", {"samesite": "Lax"}),
    ({"samesite": "strict"}, "session", {"samesite": "Strict"}),
    ({"name": "mooring_id"}, "mooring_id", {"samesite": "Lax"}),
    ({"domain": "example.org"}, "session", {"samesite": "Lax", "domain": "example.org"}),
    ({"secure": True}, "__Host-session", {"samesite": "Lax", "secure": None}),
    ({"secure": True, "samesite": "none"}, "__Host-session", {"samesite": "None", "secure": None}),
    ({"secure": True, "name": "id"}, "__Host-id", {"samesite": "Lax", "secure": None}),
    (
        {"secure": True, "domain": ".example.org"},
        "session",
        {"samesite": "Lax", "secure": None, "domain": ".example.org"},
    ),
    (
        {"secure": True, "samesite": "none", "partitioned": True},
        "__Host-session",
        {"samesite": "None", "secure": None, "partitioned": None},
    ),
]


async def _set_and_cleared(settings: dict[str, Any]) -> tuple[SetCookie, SetCookie]:
    """The cookie as it is set by the first answer, and as a logout clears it."""
    named = {f"session_cookie_{name}": value for name, value in settings.items()}
    async with in_process(**named) as client:
        cookie = the_set_cookie(await client.get("/session"))
        cleared = the_set_cookie(await client.post("/logout", headers={"cookie": cookie.pair}))
    return cookie, cleared


@pytest.mark.parametrize(("settings", "name", "attributes"), BY_SETTING)
async def test_the_cookie_has_the_name_and_attributes_that_the_settings_say(
    settings: dict[str, Any], name: str, attributes: Attributes
) -> None:
    cookie, _cleared = await _set_and_cleared(settings)

    assert cookie.name == name
    assert cookie.attributes == ALWAYS | attributes | {"max-age": "43200"}


@pytest.mark.parametrize(("settings", "name", "attributes"), BY_SETTING)
async def test_it_is_cleared_under_the_same_name_with_identical_attributes(
    settings: dict[str, Any], name: str, attributes: Attributes
) -> None:
    _cookie, cleared = await _set_and_cleared(settings)

    assert cleared.name == name
    assert cleared.value == ""
    assert cleared.attributes == ALWAYS | attributes | {"max-age": "0"}


async def test_the_cookie_is_read_under_the_name_that_it_was_set_under() -> None:
    async with in_process(session_cookie_secure=True, session_cookie_name="id") as client:
        cookie = the_set_cookie(await client.post("/incr"))

        known = await client.post("/incr", headers={"cookie": cookie.pair})
        other_name = await client.post("/incr", headers={"cookie": f"id={cookie.value}"})

    assert known.json() == 2
    assert other_name.json() == 1


async def test_max_age_is_what_is_left_of_the_absolute_timeout_and_a_rotation_wins_no_time() -> (
    None
):
    clock = Clock()
    backend = Backend(MemoryStore(clock=clock))
    async with in_process(backend=backend, session_absolute_timeout=100.5) as client:
        assert the_set_cookie(await client.get("/session")).max_age == 101
        clock.move(30)
        assert the_set_cookie(await client.post("/session/rotate")).max_age == 71
        clock.move(70)
        assert the_set_cookie(await client.post("/session/rotate")).max_age == 1
        clock.move(1)
        assert the_set_cookie(await client.get("/session")).max_age == 101
