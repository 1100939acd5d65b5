"""The example as a FastAPI app: a product on Mooring, made of nothing but its public parts."""

import os

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig

from .. import Backend, Mooring, Settings, __version__
from .events import events
from .routes import PAGES, router
from .security_headers import SecurityHeadersMiddleware
from .users import router as users_router

_DESCRIPTION = """\
One server-side session for HTTP routes and Socket.IO sockets. The first response that needs a
session opens one and sets its cookie; `POST /incr` publishes the new count to every socket of the
session; `POST /logout` ends the session and disconnects all its sockets, on every node.

Nothing has to be authorized: the browser sends the cookie by itself. Every error is a problem
document (RFC 9457, `application/problem+json`) with a stable `type`, also those that are not listed
with a route, such as 404 and 500. The socket events have [a page of their own](docs/events).
"""


_DEFAULTS = {"cors_origins": ("http://localhost:4200",), "max_body_bytes": 1_000_000}
"""The example's single-page app is on another origin, and no body of the example is large."""


def create_app(settings: Settings | None = None, *, backend: Backend | None = None) -> FastAPI:
    """Return the example.

    Args:
        settings: read from the environment if None is given.
        backend: as for Mooring.
    """
    app = FastAPI(
        title="Mooring",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # mooring.docs() has a page that needs no internet
        redoc_url=None,
        redirect_slashes=False,  # it would redirect to whatever Host the client names
        telemetry=_telemetry(),
        generate_unique_id_function=lambda route: route.name,
    )
    mooring = Mooring(app, settings or Settings.with_defaults(**_DEFAULTS), backend=backend)
    app.state.socket_path = mooring.settings.socket_path
    mooring.include_router(events)
    mooring.docs()
    mooring.install_problem_handlers()
    for routes in (router, mooring.session_router(view=False)):
        app.include_router(routes)
    for routes in (users_router, mooring.devices_router()):
        app.include_router(routes)
    app.include_router(mooring.health_router())
    app.include_router(mooring.metrics_router())
    app.mount("/pages", StaticFiles(directory=PAGES))
    app.add_middleware(SecurityHeadersMiddleware)
    return app


def _telemetry() -> TelemetryConfig:
    """Return FastAPI's own settings where OpenTelemetry is set up, else switch it off.

    FastAPI looks up a provider of each kind with every request, which takes a tenth of its time here.
    """
    if any(name.startswith(("OTEL_", "FASTAPI_OTEL_")) for name in os.environ):
        return {}
    return {"tracing": False, "metrics": False, "logs": False}
