"""The FastAPI application."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from app import __version__
from app.http import assets, errors, health, metrics, routes
from app.http.documents import describe
from app.http.health import Health
from app.http.short_way import ShortWay
from app.rooms import Rooms

TITLE = "Mooring"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_DESCRIPTION = """\
One server-side session for HTTP routes and Socket.IO sockets. The first answer that needs a
session opens one and sets its cookie; `POST /incr` tells every socket of the session the new
count; `POST /logout` ends the session and lets go all its sockets, on every node.

Nothing has to be authorized: the browser sends the cookie by itself. Every error is a problem
document (RFC 9457, `application/problem+json`) with a stable `type`, also those that are not listed
with a route, such as 404 and 500. The socket events have [a page of their own](/docs/events).
"""


def create_http(
    rooms: Rooms,
    health_: Health,
    *,
    cookie_name: str,
    asyncapi: dict[str, Any],
    lifespan: Lifespan,
) -> ASGIApp:
    """Make the HTTP edge. It expects a SessionTransport around it."""
    app = FastAPI(
        title=TITLE,
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # assets.py has a page that loads nothing from elsewhere
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.rooms = rooms
    app.state.health = health_
    errors.install(app)
    for router in (routes.router, health.router, metrics.router, assets.router):
        app.include_router(router)
    app.add_api_route("/asyncapi.json", lambda: asyncapi, include_in_schema=False)
    assets.mount(app)
    describe(app, cookie_name)
    return ShortWay(app, [routes.router, health.router])
