"""The main job: one session behind fetches and sockets of one browser."""

import pytest

from tests.support.browsers import JsBrowser, Transport
from tests.support.eventually import eventually


@pytest.mark.smoke
async def test_fetch_and_socket_of_a_browser_count_in_one_session(
    browser: JsBrowser, transport: Transport
) -> None:
    socket = await browser.connect(transport)

    answers = [
        await socket.emit("incr"),
        (await browser.fetch("POST", "/incr")).json(),
        await socket.emit("incr"),
    ]

    assert answers == [1, 2, 3]
    await eventually(lambda: socket.values("current count") == [1, 2, 3])


@pytest.mark.every_transport
async def test_logout_by_fetch_ends_the_socket_for_good(
    browser: JsBrowser, transport: Transport
) -> None:
    socket = await browser.connect(transport)

    response = await browser.fetch("POST", "/logout")

    assert response.status == 204
    disconnected = await socket.wait_for("disconnect", within=1.0)
    assert disconnected.args[0] == "io server disconnect"
    assert socket.values("session ended") == [{"reason": "logout"}]
    assert not socket.active
    assert await browser.cookies() == {}
