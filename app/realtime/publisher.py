"""Publishes messages to other nodes; a request waits for the bus within a budget."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from .bus.base import BusUnavailableError
from .bus.messages import Message
from .bus.relay import BusRelay

PUBLISH_TIMEOUT_SECONDS = 1.0
PUBLISH_BUDGET_SECONDS = 2.0
"""All that one request or event waits for the bus."""


class Publisher:
    """Sends messages by this node's end of the bus.

    Args:
        relay: this node's end of the bus.
    """

    def __init__(self, relay: BusRelay) -> None:
        self._relay = relay
        self._waited: WeakKeyDictionary[asyncio.Task[Any], float] = WeakKeyDictionary()

    async def send(
        self,
        message: Message,
        to: str,
        joins: str | None = None,
        *,
        wait: bool,
        logged: bool = False,
    ) -> None:
        """Send a message to an address; with `wait` return when the bus has it.

        Raises:
            BusUnavailableError: that takes too long, alone or with what the task has waited before.
        """
        if not wait:
            self._relay.send(message, to, joins, logged=logged)
            return
        task = asyncio.current_task()
        waited = self._waited.get(task, 0.0) if task else 0.0
        within = min(PUBLISH_TIMEOUT_SECONDS, PUBLISH_BUDGET_SECONDS - waited)
        if within <= 0:
            raise BusUnavailableError("the bus is unavailable, and this request has waited enough")
        try:
            await self._relay.publish(message, within, to, joins, logged=logged)
        except BusUnavailableError:
            if task:
                self._waited[task] = waited + within
            raise
        if waited and task:
            del self._waited[task]
