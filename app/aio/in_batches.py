"""Many calls of one function, some at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE = 200


async def in_batches(
    call: Callable[[Item], Awaitable[Result]], items: Sequence[Item], *, at_once: int = _AT_ONCE
) -> AsyncIterator[Result]:
    """Call a function with each item, and give the results in their order.

    Thousands at once would wait for each other longer than any of them may take.
    """
    for start in range(0, len(items), at_once):
        for result in await asyncio.gather(*map(call, items[start : start + at_once])):
            yield result
