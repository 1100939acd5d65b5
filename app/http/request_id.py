"""The id of a request, from its balancer or of our own making."""

import random
import re
from contextvars import ContextVar

from starlette.types import Scope

from ..asgi.headers import get_header
from ..asgi.scope import REQUEST_ID

HEADER = b"x-request-id"

REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The id of the request, or handshake, that log lines belong to."""

_USABLE = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")


def request_id(scope: Scope) -> str:
    """Return the `X-Request-ID` of the request if it is a plain word, else a random one."""
    given = get_header(scope, HEADER)
    if given is not None and _USABLE.fullmatch(given):
        return given.decode()
    return random.getrandbits(64).to_bytes(8).hex()


def name_request(scope: Scope) -> str:
    """Return the id of a request; its log lines carry it from now on."""
    name: str | None = scope.get(REQUEST_ID)
    if name is None:
        name = scope[REQUEST_ID] = request_id(scope)
        REQUEST.set(name)
    return name
