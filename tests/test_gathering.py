"""Writes of one event-loop turn leave as one, in order, and none is lost."""

import asyncio
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from app.gathering import Gathering


@pytest.fixture
def real() -> Mock:
    """A transport that notes its calls."""
    return Mock(spec=asyncio.Transport)


@pytest.fixture
async def gathering(real: Mock) -> Gathering:
    """The one before it."""
    return Gathering(real, asyncio.get_running_loop())


def sent(real: Mock) -> list[bytes]:
    """What was written to it."""
    return [call.args[0] for call in real.write.call_args_list]


async def test_writes_of_one_turn_are_one(gathering: Gathering, real: Mock) -> None:
    for part in (b"head ", b"body", b"", b" more"):
        gathering.write(part)
    assert sent(real) == []
    await asyncio.sleep(0)
    assert sent(real) == [b"head body more"]


async def test_writes_of_two_turns_are_two(gathering: Gathering, real: Mock) -> None:
    for part in (b"one", b"two"):
        gathering.write(part)
        await asyncio.sleep(0)
    assert sent(real) == [b"one", b"two"]


async def test_much_is_sent_at_once_so_that_the_transport_can_ask_to_wait(
    gathering: Gathering, real: Mock
) -> None:
    for _ in range(100):
        gathering.write(b"x" * 10_000)
    assert sum(map(len, sent(real))) > 900_000
    await asyncio.sleep(0)
    assert b"".join(sent(real)) == b"x" * 1_000_000


async def test_a_close_sends_what_was_written_first(gathering: Gathering, real: Mock) -> None:
    gathering.write(b"farewell")
    gathering.close()
    assert [call[0] for call in real.method_calls] == ["write", "close"]
    await asyncio.sleep(0)
    assert sent(real) == [b"farewell"]


async def test_an_abort_drops_what_was_written(gathering: Gathering, real: Mock) -> None:
    gathering.write(b"lost")
    gathering.abort()
    await asyncio.sleep(0)
    assert [call[0] for call in real.method_calls] == ["abort"]


@pytest.mark.parametrize(
    "ask", [lambda it: it.is_closing(), lambda it: it.get_extra_info("peername")]
)
async def test_it_is_its_transport_in_all_else(
    ask: Callable[[object], object], gathering: Gathering, real: Mock
) -> None:
    assert ask(gathering) is ask(real)
