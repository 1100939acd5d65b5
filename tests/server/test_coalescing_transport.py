"""Writes of one event-loop turn leave as one, in order, and none is lost."""

import asyncio
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from app.aio.turn_end import TurnEnd
from app.server.coalescing_transport import CoalescingTransport


@pytest.fixture
def real() -> Mock:
    """A transport that records its calls; what is written as a list is a write each."""
    transport = Mock(spec=asyncio.Transport)
    transport.writelines.side_effect = lambda parts: [transport.write(part) for part in parts]
    transport.is_closing.return_value = False
    return transport


@pytest.fixture
async def transport(real: Mock) -> CoalescingTransport:
    """The transport under test, around it."""
    return CoalescingTransport(real, TurnEnd())


def sent(real: Mock) -> list[bytes]:
    """What was written to it."""
    return [call.args[0] for call in real.write.call_args_list]


async def test_writes_of_one_turn_are_one(transport: CoalescingTransport, real: Mock) -> None:
    for part in (b"head ", b"body", b"", b" more"):
        transport.write(part)
    assert sent(real) == []
    await asyncio.sleep(0)
    assert sent(real) == [b"head body more"]


async def test_writes_of_two_turns_are_two(transport: CoalescingTransport, real: Mock) -> None:
    for part in (b"one", b"two"):
        transport.write(part)
        await asyncio.sleep(0)
    assert sent(real) == [b"one", b"two"]


async def test_much_is_sent_at_once_so_that_the_transport_can_ask_to_wait(
    transport: CoalescingTransport, real: Mock
) -> None:
    for _ in range(100):
        transport.write(b"x" * 10_000)
    assert sum(map(len, sent(real))) > 900_000
    await asyncio.sleep(0)
    assert b"".join(sent(real)) == b"x" * 1_000_000


async def test_what_is_much_is_not_copied(transport: CoalescingTransport, real: Mock) -> None:
    file = b"x" * 100_000
    transport.write(b"head")
    transport.write(file)
    assert sent(real)[-1] is file


async def test_a_close_sends_what_was_written_first(
    transport: CoalescingTransport, real: Mock
) -> None:
    transport.write(b"the last")
    transport.close()
    calls = [name for name, _, _ in real.method_calls if name != "is_closing"]
    assert calls == ["write", "close"]
    await asyncio.sleep(0)
    assert sent(real) == [b"the last"]


async def test_an_abort_drops_what_was_written(transport: CoalescingTransport, real: Mock) -> None:
    transport.write(b"lost")
    transport.abort()
    await asyncio.sleep(0)
    assert [call[0] for call in real.method_calls] == ["abort"]


@pytest.mark.parametrize(
    "ask", [lambda it: it.is_closing(), lambda it: it.get_extra_info("peername")]
)
async def test_everything_else_is_the_transport_s_own(
    ask: Callable[[object], object], transport: CoalescingTransport, real: Mock
) -> None:
    assert ask(transport) is ask(real)


async def test_what_is_left_of_a_connection_that_is_lost_is_dropped(
    transport: CoalescingTransport, real: Mock
) -> None:
    """uvloop raises for it, a traceback for each client that resets its connection."""
    transport.write(b"late")
    real.is_closing.return_value = True
    await asyncio.sleep(0)
    assert not real.write.called
