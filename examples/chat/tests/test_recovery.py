"""Who comes back has missed nothing: from the socket within two minutes, from the history after that."""

from collections.abc import Callable

import pytest
from fastapi_mooring.testing import ClientSocket, ConnectError, TestApp
from in_process import Story, line, signed_in

MISSED = [f"meanwhile {number}" for number in range(30)]


def texts(socket: ClientSocket) -> list[str]:
    """Return what was said in channels, as a socket has received it."""
    return [event[1]["text"] for event in socket.received if event[0] == "message"]


async def say(test: TestApp, socket: ClientSocket, words: list[str]) -> None:
    for number, text in enumerate(words):
        if number % 20 == 19:
            await test.clock.advance(11)  # twenty are let through in ten seconds
        assert "error" not in await socket.call("say", *line(text))


def test_who_comes_back_in_time_is_sent_what_was_missed_once_and_in_order(
    tell: Callable[[Story], None],
) -> None:
    async def story(test: TestApp) -> None:
        ann = await (await signed_in(test, "ann")).connect()
        bob = await (await signed_in(test, "bob")).connect()
        await say(test, ann, ["before"])
        await bob.expect("message")
        bob.cut()
        await say(test, ann, MISSED)
        await test.clock.advance(60)

        await bob.reconnect()
        await say(test, ann, ["after"])

        await bob.expect("message", lambda each, _offset: each["text"] == "after")
        assert bob.recovered
        assert texts(bob) == ["before", *MISSED, "after"]

    tell(story)


def test_who_comes_back_too_late_finds_it_in_the_history(tell: Callable[[Story], None]) -> None:
    async def story(test: TestApp) -> None:
        ann = await (await signed_in(test, "ann")).connect()
        browser = await signed_in(test, "bob")
        bob = await browser.connect()
        await say(test, ann, ["before"])
        seen, _offset = await bob.expect("message")
        bob.cut()
        await say(test, ann, MISSED)
        await test.clock.advance(130)

        await bob.reconnect()

        assert not bob.recovered
        assert texts(bob) == ["before"]
        found = await browser.get(
            "/channels/general/messages", params={"after": seen["number"], "limit": 200}
        )
        assert [each["text"] for each in found.json()["messages"]] == MISSED

    tell(story)


def test_who_is_put_out_meanwhile_is_told_that_and_no_more_of_the_channel(
    tell: Callable[[Story], None],
) -> None:
    async def story(test: TestApp) -> None:
        captain = await signed_in(test, "captain")
        at_the_helm = await captain.connect()
        bob = await (await signed_in(test, "bob")).connect()
        await say(test, at_the_helm, ["before"])
        await bob.expect("message")
        bob.cut()
        await say(test, at_the_helm, ["among us all"])
        assert (await captain.delete("/channels/general/members/bob")).status_code == 204
        await say(test, at_the_helm, ["among us"])

        await bob.reconnect()

        assert bob.recovered
        told, _offset = await bob.expect("membership", lambda each, _offset: not each["joined"])
        assert (told["name"], told["by"]) == ("bob", "captain")
        await test.settle()
        assert texts(bob) == ["before"]

    tell(story)


def test_who_is_banned_meanwhile_is_recovered_nowhere(tell: Callable[[Story], None]) -> None:
    async def story(test: TestApp) -> None:
        captain = await signed_in(test, "captain")
        browser = await signed_in(test, "bob")
        bob = await browser.connect()
        bob.cut()
        assert (await captain.put("/people/bob/ban")).status_code == 204
        assert (await browser.get("/me")).json() == {"name": None, "admin": False}

        with pytest.raises(ConnectError) as refused:
            await bob.reconnect()

        assert refused.value.data["type"] == "sign-in-required"
        assert texts(bob) == []

    tell(story)
