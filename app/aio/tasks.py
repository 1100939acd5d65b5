"""Background tasks of objects that may outlive their event loop."""

import asyncio
from typing import Any, TypeGuard

AnyTask = asyncio.Task[Any]


def is_running(task: AnyTask | None) -> TypeGuard[AnyTask]:
    """Return True for a task that is neither done nor left over from a closed event loop."""
    return task is not None and not task.done() and not task.get_loop().is_closed()


async def cancel(*tasks: AnyTask | None) -> None:
    """Cancel the tasks that are running, and wait until they have ended."""
    running = [task for task in tasks if is_running(task)]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
