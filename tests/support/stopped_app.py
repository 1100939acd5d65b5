"""The service with tombstones that stay a second: python -m tests.support.stopped_app.

Its event "cached" works on the record that the node has, and says to everybody that it was handled.
"""

import sys

from fastapi import APIRouter

from app import EventContext, EventRouter, composition
from app.__main__ import main
from tests.support.app_under_test import extend

routes = APIRouter()
events = EventRouter()
handled: list[str] = []


@routes.get("/handled")
async def get_handled() -> list[str]:
    """Say which sessions' events were handled."""
    return handled


@events.on("cached", reload=False)
async def cached(context: EventContext) -> int:
    """Handle an event without a read of the store."""
    handled.append(context.session.key)
    return len(handled)


if __name__ == "__main__":
    composition._SHORTEST_TOMBSTONE_SECONDS = 1.0
    extend(routes, events)
    sys.exit(main())
