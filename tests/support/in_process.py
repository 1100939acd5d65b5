"""The service inside the test's own process: for settings by the dozen, each of them quick to try."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from unittest.mock import patch

import httpx

from app import logs
from app.backends import Backend
from app.main import create_app
from app.settings import read_settings
from tests.support.http import http_client
from tests.support.issued import check_secret
from tests.support.service import SECRET


@contextmanager
def only_environment(**names: str) -> Iterator[None]:
    """Have these environment variables and no others, so that the developer's own settings do not count."""
    with patch.dict(os.environ, names, clear=True):
        yield


def in_process(*, backend: Backend | None = None, **settings: object) -> httpx.AsyncClient:
    """A client of a service with these settings, to be entered; nothing of it runs in the background."""
    with only_environment():
        read = read_settings(_env_file=None, **({"session_secrets": SECRET} | settings))
        app = create_app(read, backend=backend)
    scheme = "https" if read.session_cookie_secure else "http"
    return http_client(f"{scheme}://mooring.test", transport=httpx.ASGITransport(app))


@contextmanager
def logs_no_secret() -> Iterator[None]:
    """Fail if the service, inside this process, logs a session id meanwhile."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs._formatter("json"))
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    check_secret(written.getvalue(), "the log")
