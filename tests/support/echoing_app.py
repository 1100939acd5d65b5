"""The service with an event that comes back: python -m tests.support.echoing_app."""

import sys

from fastapi import APIRouter

from app import EventRouter
from app.__main__ import main
from tests.support.app_under_test import extend

routes = APIRouter()
events = EventRouter()


@events.on("echo", reload=False)
async def echo(number: int) -> int:
    """Send back what came."""
    return number


if __name__ == "__main__":
    extend(routes, events)
    sys.exit(main())
