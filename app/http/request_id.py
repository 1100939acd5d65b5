"""A name for each request, in its log lines and its answer."""

import random
import re

from starlette.types import Scope

from app.fields import first

FIELD = b"x-request-id"
_USABLE = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")


def request_id(scope: Scope) -> str:
    """Take the balancer's X-Request-ID, if it is a plain word, or make one up."""
    given = first(scope, FIELD)
    if given is not None and _USABLE.fullmatch(given):
        return given.decode()
    return f"{random.getrandbits(64):016x}"
