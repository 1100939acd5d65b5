"""The gate before writes lets through whom it has to."""

import asyncio

import pytest

from app.websockets.gate import Gate


@pytest.fixture
async def gate() -> Gate:
    """An open one."""
    return Gate(asyncio.get_running_loop())


async def test_an_open_gate_holds_up_nobody(gate: Gate) -> None:
    gate.set()
    await gate.wait()


async def test_a_closed_gate_holds_up_all_until_it_is_opened(gate: Gate) -> None:
    gate.clear()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    gate.set()
    await asyncio.gather(*waiting)


async def test_who_gives_up_leaves_the_gate_to_the_others(gate: Gate) -> None:
    gate.clear()
    one, other = (asyncio.create_task(gate.wait()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    gate.set()
    await other


async def test_a_gate_that_is_closed_again_at_once_holds_up_again(gate: Gate) -> None:
    gate.clear()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.set()
    gate.clear()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    await waiting
