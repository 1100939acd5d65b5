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
