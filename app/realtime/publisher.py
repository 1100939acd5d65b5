"""Publishes messages to other nodes; a request waits for the bus within a budget."""

import asyncio
import time
from typing import Any
from weakref import WeakKeyDictionary

from .bus.base import BusUnavailableError
from .bus.messages import Message
from .bus.relay import BusRelay

PUBLISH_TIMEOUT_SECONDS = 1.0
PUBLISH_BUDGET_SECONDS = 2.0
"""All that one request or event waits for the bus; a task that goes on waits again after as long."""


class Publisher:
    """Sends messages by this node's end of the bus.

    Args:
        relay: this node's end of the bus.
        timeout: seconds that one message waits for the bus.
        budget: seconds that all messages of a task wait in vain. It is whole again when as many have
            passed: a task may live as long as the app, or serve one event after another.
    """

    def __init__(
        self,
        relay: BusRelay,
        *,
        timeout: float = PUBLISH_TIMEOUT_SECONDS,
        budget: float = PUBLISH_BUDGET_SECONDS,
    ) -> None:
        self._relay = relay
        self._timeout = timeout
        self._budget = budget
        self._waited: WeakKeyDictionary[asyncio.Task[Any], tuple[float, float]] = (
            WeakKeyDictionary()
        )
        """How long tasks have waited in vain, and when the last of these waits ended."""

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
        waited = self._waited_by(task)
        within = min(self._timeout, self._budget - waited)
        if within <= 0:
            raise BusUnavailableError("the bus is unavailable, and this request has waited enough")
        try:
            await self._relay.publish(message, within, to, joins, logged=logged)
        except BusUnavailableError:
            if task:
                self._waited[task] = waited + within, time.monotonic()
            raise
        if waited and task:
            del self._waited[task]

    def _waited_by(self, task: "asyncio.Task[Any] | None") -> float:
        waited, ended_at = self._waited.get(task, (0.0, 0.0)) if task else (0.0, 0.0)
        return waited if waited and time.monotonic() - ended_at < self._budget else 0.0
