"""The service with a weakness: it tells the cookies it makes. `LEAK` says where.

It is what `check_secret` must find. python -m tests.support.leaky, with the settings of the service.
"""

import logging
import os
import sys
from collections.abc import Callable
from unittest.mock import patch

import redis
from prometheus_client import Counter

from app import logs
from app.__main__ import main
from app.sessions import CookieSigner

Leak = Callable[[str], object]

_COOKIES = Counter("leaky_cookies", "Cookies that were made, by value.", ["value"])


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


def _sign_and_tell(signer: CookieSigner, session_id: str) -> str:
    value = _sign(signer, session_id)
    LEAKS[os.environ["LEAK"]](value)
    return value


if __name__ == "__main__":
    indiscreet = "no logger of this name" if os.environ["LEAK"] == "library" else logs._INDISCREET
    with (
        patch.object(CookieSigner, "sign", _sign_and_tell),
        patch.object(logs, "_INDISCREET", indiscreet),
    ):
        sys.exit(main())
