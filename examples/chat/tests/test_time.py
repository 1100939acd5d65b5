"""What depends on time, in this process, on a clock that the tests move."""

from collections.abc import Callable

from fastapi_mooring.testing import TestApp
from in_process import Story, line, signed_in


def test_too_many_messages_at_once_are_refused_and_can_be_said_later(
    tell: Callable[[Story], None],
) -> None:
    async def story(test: TestApp) -> None:
        socket = await (await signed_in(test, "ann")).connect()
        acks = [await socket.call("say", *line("spam")) for _ in range(21)]
        assert ["error" in each for each in acks] == [False] * 20 + [True]
        assert acks[-1]["error"]["type"] == "rate-limited"
        await test.clock.advance(10)
        assert "error" not in await socket.call("say", *line("sorry"))

    tell(story)


def test_who_closes_the_last_page_has_gone_a_second_later(tell: Callable[[Story], None]) -> None:
    async def story(test: TestApp) -> None:
        ann = await (await signed_in(test, "ann")).connect()
        bob = await (await signed_in(test, "bob")).connect()
        here = {"name": "bob", "online": True}
        assert (await ann.expect("presence", lambda each, _offset: each == here))[0] == here
        bob.cut()
        await test.settle()
        assert {"name": "bob", "online": False} not in [each[1] for each in ann.received]
        await test.clock.advance(1)
        assert (await ann.expect("presence"))[0] == {"name": "bob", "online": False}

    tell(story)


def test_a_draft_that_is_sent_again_reaches_no_channel_that_one_is_not_in(
    tell: Callable[[Story], None],
) -> None:
    async def story(test: TestApp) -> None:
        ann, bob = await signed_in(test, "ann"), await signed_in(test, "bob")
        await bob.post("/channels", json={"name": "secret"})
        await bob.delete("/channels/general/members/me")
        theirs, mine = await bob.connect(), await ann.connect()
        once, draft = line("let me in")
        await mine.call("say", once, draft)
        again = {**draft, "channel": "secret"}
        await mine.call("say", f"{once}-again", again)
        await test.settle()
        assert "message" not in [each[0] for each in theirs.received]
        said = [each[1]["channel"] for each in mine.received if each[0] == "message"]
        assert said == ["general", "general"]

    tell(story)


def test_a_number_that_no_database_has_is_no_mark(tell: Callable[[Story], None]) -> None:
    async def story(test: TestApp) -> None:
        socket = await (await signed_in(test, "ann")).connect()
        for number in (2**63, -1):
            answer = await socket.call("read", {"channel": "general", "number": number})
            assert answer["error"]["type"] == "invalid-payload"

    tell(story)
