"""What every answer has around it, whoever gives it: its name, its safety, its place in the metrics."""

from collections.abc import Collection
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.fields import STARTS, Field, first, vary
from app.http import metrics
from app.http.request_id import FIELD, request_id
from app.http.security_headers import security_headers
from app.logs import REQUEST


class Envelope:
    """The outermost layer: names, counts and times requests, and adds what browsers are told of each answer.

    `cors` is for requests that name their origin, and ends in `app`; all others go to `app` at once.
    `uncounted` are the paths of long polls, whose duration says nothing.
    """

    def __init__(self, app: ASGIApp, *, cors: ASGIApp, uncounted: Collection[str]) -> None:
        self._app = app
        self._cors = cors
        self._uncounted = uncounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        crosses = kind == "http" and first(scope, b"origin") is not None
        counted = kind == "http" and scope["path"] not in self._uncounted
        answer = _Answer(scope, send, crosses=crosses, counted=counted)
        REQUEST.set(answer.name)
        await (self._cors if crosses else self._app)(scope, receive, answer.send)


class _Answer:
    """The answer to one request."""

    __slots__ = ("_began", "_counted", "_crosses", "_scope", "_send", "name")

    def __init__(self, scope: Scope, send: Send, *, crosses: bool, counted: bool) -> None:
        self.name = request_id(scope)
        self._scope = scope
        self._send = send
        self._crosses = crosses
        self._counted = counted
        self._began = perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] in STARTS:
            message["headers"] = self._fields(message)
            if self._counted:
                metrics.count(self._scope, message["status"], perf_counter() - self._began)
        await self._send(message)

    def _fields(self, message: Message) -> list[Field]:
        fields: list[Field] = [*message.get("headers", ()), (FIELD, self.name.encode())]
        if message["type"] == "http.response.start":
            fields += security_headers(self._scope)
            if not self._crosses:  # else the CORS layer has said so
                vary(fields, b"Origin")
        return fields
