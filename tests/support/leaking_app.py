"""The service with a fault: it writes the cookies that it makes to where `LEAK` says.

It is what `check_secret` must find. python -m tests.support.leaking_app, with the settings of the service.
"""

import logging
import os
import sys
from collections.abc import Callable
from unittest.mock import patch

import redis
from prometheus_client import Counter

from app import log_config as logs
from app.__main__ import main
from app.sessions import CookieSigner

Leak = Callable[[str], object]

_COOKIES = Counter("leaked_cookies", "Cookies that were made, by value.", ["value"])


def _store() -> redis.Redis:
    return redis.Redis.from_url(os.environ["REDIS_URL"])


LEAKS: dict[str, Leak] = {
    "log": lambda value: logging.getLogger("app").debug("a cookie: %s", value),
    "part of a log line": lambda value: logging.getLogger("app").debug("%s", value[9:40]),
    "signature": lambda value: logging.getLogger("app").debug("%s", value.partition(".")[2]),
    "metric": lambda value: _COOKIES.labels(value).inc(),
    "key": lambda value: _store().set(f"cookie:{value}", 1),
    "record": lambda value: _store().append("cookies", f"{value} "),
    "message": lambda value: _store().xadd("mooring:bus", {"o": "", "n": 0, "m": value}),
    "library": lambda value: None,
}
"""What each does with a cookie's value. `library` has uvicorn's WebSocket library say what it likes."""

_sign = CookieSigner.sign


def _sign_and_leak(signer: CookieSigner, session_id: str) -> str:
    value = _sign(signer, session_id)
    LEAKS[os.environ["LEAK"]](value)
    return value


if __name__ == "__main__":
    quiet_logger = (
        "no logger of this name" if os.environ["LEAK"] == "library" else logs._SERVER_LOGGER
    )
    with (
        patch.object(CookieSigner, "sign", _sign_and_leak),
        patch.object(logs, "_SERVER_LOGGER", quiet_logger),
    ):
        sys.exit(main())
