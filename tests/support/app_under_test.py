"""More routes and events for the app that a process serves, whichever it is: the example or a product."""

import os
from importlib import import_module

from fastapi import APIRouter

from app import EventRouter
from app.example.events import events as example_events
from app.example.routes import router as example_routes


def extend(routes: APIRouter, events: EventRouter) -> None:
    """Add routes and events to the app that this process is about to serve.

    A product's module has its Mooring as `mooring`, beside the app; the example is made later.
    """
    name = os.environ.get("APP")
    if name is None:
        example_routes.include_router(routes)
        example_events.include_router(events)
    else:
        mooring = import_module(name.partition(":")[0]).mooring
        mooring.app.include_router(routes)
        mooring.include_router(events)
