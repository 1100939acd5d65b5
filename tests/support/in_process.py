"""The service inside the test's own process: for settings by the dozen, each of them quick to try."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import httpx

from app.backends import Backend
from app.example.main import create_app
from app.http.middleware.server_error import ServerErrorMiddleware
from app.settings import Settings
from tests.support.http import http_client
from tests.support.service import SECRET

_DEFAULTS: dict[str, object] = {
    "session_secrets": SECRET,
    "cors_origins": ("http://localhost:4200",),
    "max_body_bytes": 1_000_000,
}


@contextmanager
def only_environment(**names: str) -> Iterator[None]:
    """Have these environment variables and no others, so that the developer's own settings do not count.

    FAST_PATHS is none of them: CI sets it for all that the tests start.
    """
    kept = {name: os.environ[name] for name in ("FAST_PATHS",) if name in os.environ}
    with patch.dict(os.environ, kept | names, clear=True):
        yield


def in_process(*, backend: Backend | None = None, **settings: object) -> httpx.AsyncClient:
    """A client of a service with these settings, to be entered; nothing of it runs in the background."""
    with only_environment():
        read = Settings(_env_file=None, **(_DEFAULTS | settings))  # type: ignore[arg-type] # checked there
        app = create_app(read, backend=backend)
    served = ServerErrorMiddleware(app)
    scheme = "https" if read.session_cookie_secure else "http"
    return http_client(f"{scheme}://mooring.test", transport=httpx.ASGITransport(served))
