"""Whether the nodes are there to which something is carried, or for which something is served."""

import asyncio
import time
from collections.abc import Callable, Iterable

from ..bus.base import BusUnavailableError
from .streams import CarryStreams

_FRESH_SECONDS = 1.0

OnNode = Callable[[str], None]


class Peers:
    """Finds nodes that have gone, or have lost what they were sent.

    Args:
        streams: says so.
        on_gone: called with a node that is not there.
        on_lost: called with a node that may have lost what it was sent.
    """

    def __init__(self, streams: CarryStreams, *, on_gone: OnNode, on_lost: OnNode) -> None:
        self._streams = streams
        self._on_gone = on_gone
        self._on_lost = on_lost
        self._seen: dict[str, tuple[str, float]] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}

    def check(self, node: str) -> None:
        """Check a node, unless that was done within a second; returns without waiting."""
        seen = self._seen.get(node)
        if seen is None or time.monotonic() - seen[1] > _FRESH_SECONDS:
            self._start_check(node)

    def check_all(self, nodes: Iterable[str]) -> None:
        """Check these nodes, and forget all others."""
        nodes = set(nodes)
        self._seen = {node: seen for node, seen in self._seen.items() if node in nodes}
        for node in nodes:
            self._start_check(node)

    def close(self) -> None:
        """Stop. May be called twice."""
        for task in self._checks.values():
            task.cancel()

    def _start_check(self, node: str) -> None:
        if node not in self._checks:
            task = self._checks[node] = asyncio.create_task(self._check(node))
            task.add_done_callback(lambda _: self._checks.pop(node, None))

    async def _check(self, node: str) -> None:
        try:
            generation = await self._streams.generation(node)
        except BusUnavailableError:
            return  # nobody knows
        seen = self._seen.get(node)
        if generation is None:
            self._seen.pop(node, None)
            self._on_gone(node)
            return
        self._seen[node] = generation, time.monotonic()
        if seen is not None and seen[0] != generation:
            self._on_lost(node)
