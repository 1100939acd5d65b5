"""The events as an AsyncAPI 3 document, from the types that validate them."""

import inspect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..sessions import EndReason
from .declarations import function_of
from .emitter import SESSION_ENDED
from .events import ROOT, ClientEvent, EventRouter, NamespaceEvents, ServerEvent
from .hooks import ConnectHook
from .payloads import PayloadType
from .schemas import Document, Mode, SchemaTable


class Problem(BaseModel):
    """Why an event, or a connect, was refused."""

    type: str = Field(
        description=(
            "Stable name of the problem, for programs: `invalid-payload`, `invalid-request`, "
            "`session-ended`, `session-too-large`, `store-unavailable` (try again), `too-many-events` "
            "(wait for acks), `rate-limited` (again after `retry_after` seconds), `too-many-requests`, "
            "`too-many-streams`, `internal-error`; for an event that is not declared `unknown-event`; "
            "for one with an id, or an effect that is to be had once, `idempotency-key-reused`, "
            "`outcome-unknown` and `too-many-idempotency-keys`; where a sign-in is asked for, or done, "
            "`sign-in-required`, `recent-sign-in-required` and `signed-in-already`; for a token in `auth` "
            "`invalid-token`, `two-sessions` and `too-many-sockets`. Beside these come those that the app "
            "raises itself: an HTTPException has the phrase of its status, as `forbidden`."
        ),
        examples=["store-unavailable"],
    )
    detail: str = Field(
        description="What happened this time, for people.",
        examples=["The session store is unavailable; try again."],
    )


class ErrorAck(BaseModel):
    """The ack of an event that was refused; it changed nothing."""

    error: Problem


class SessionEnded(BaseModel):
    """The last event before the server closes a socket.

    After `logout` and `revoked` the client does not reconnect by itself; after all others it does.
    """

    model_config = ConfigDict(use_enum_values=True)

    reason: EndReason = Field(examples=[EndReason.EXPIRED])


class Refused(BaseModel):
    """What `connect_error` has for a connect that was refused."""

    message: str = Field(
        description="What happened this time, for people.", examples=["This is for admins."]
    )
    data: Problem = Field(description="The same as in the ack of an event that was refused.")


_ENDED = ServerEvent(
    SESSION_ENDED, (PayloadType(SessionEnded),), inspect.getdoc(SessionEnded) or ""
)
_ERROR = PayloadType(ErrorAck)
_REFUSED = PayloadType(Refused)

_OFFSET: Document = {
    "type": "string",
    "description": "Where the client goes on when it comes back; it keeps that by itself.",
    "examples": ["9f2c.17.1795757591994-0.0"],
}
_RECOVERY = (
    "A client that comes back with `pid` and `offset` in its `auth`, as stock clients do by themselves, "
    "is sent what it has missed: what `emit` sends has an offset as one more last argument."
)

_NOT_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")

Direction = Literal["receive", "send"]
"""As the server sees it, which the document describes."""


def describe(
    events: EventRouter, *, title: str, version: str, cookie_name: str, socket_path: str
) -> Document:
    """Return the document of all declared events, in all namespaces.

    Args:
        events: the router that has them all.
        title: of the app.
        version: of the app.
        cookie_name: of the session's cookie, with its prefix.
        socket_path: where clients reach the Socket.IO server, below the app's root path.
    """
    return _Writer(title, version, cookie_name, socket_path).write(events)


class _Writer:
    def __init__(self, title: str, version: str, cookie_name: str, socket_path: str) -> None:
        self._info = {
            "title": f"{title}: socket events",
            "version": version,
            "description": (
                f"Socket.IO v5 at `{socket_path}/`. The handshake opens the session, or "
                "finds it by its cookie, which the browser sends by itself; HTTP routes see the "
                "same one. A payload here is the event's one argument, or null where it has none, "
                "or the array of several (`x-arguments` names them). "
                "An event that is refused changes nothing, and its ack says why. "
                "[The HTTP API](../docs) has a page of its own."
            ),
        }
        self._cookie = {
            "type": "httpApiKey",
            "in": "cookie",
            "name": cookie_name,
            "description": "Set by the first answer that opens a session.",
        }
        self._schemas = SchemaTable()
        self._channels: Document = {}
        self._operations: Document = {}

    def write(self, events: EventRouter) -> Document:
        for namespace in events:
            self._schemas.add_all(_types_of(namespace))
        self._schemas.make()
        for namespace in events:
            self._write_namespace(namespace)
        return {
            "asyncapi": "3.0.0",
            "info": self._info,
            "defaultContentType": "application/json",
            "channels": self._channels,
            "operations": self._operations,
            "components": {
                "schemas": self._schemas.definitions,
                "securitySchemes": {"session": self._cookie},
            },
        }

    def _write_namespace(self, events: NamespaceEvents) -> None:
        root = events.name == ROOT
        key = _unused("root" if root else _slug(events.name.strip("/")), self._channels)
        channel = self._channels[key] = {
            "address": events.name,
            "title": f"The namespace {events.name}",
            "description": "One Socket.IO connection, which belongs to the browser's session.",
            "messages": {},
        }
        page = _Channel(key, channel["messages"], self._operations, self._schemas, root=root)
        page.connect(events.connects)
        for received in events.received.values():
            page.receive(received)
        if events.recovery:
            channel["description"] += f" {_RECOVERY}"
        for sent in events.sent.values():
            emitted = sent.state is None and sent.item is None
            page.send(sent, has_offset=events.recovery and emitted)
        page.send(_ENDED)


class _Channel:
    """Writes the messages and operations of one namespace."""

    def __init__(
        self,
        key: str,
        messages: Document,
        operations: Document,
        schemas: SchemaTable,
        *,
        root: bool,
    ) -> None:
        self._ref = f"#/channels/{key}"
        self._prefix = "" if root else f"{key}-"
        self._messages = messages
        self._operations = operations
        self._schemas = schemas

    def connect(self, hooks: Sequence[ConnectHook]) -> None:
        """Describe what a client may send as `auth`, if anything reads it."""
        auths = [(hook, hook.type) for hook in hooks if hook.type is not None]
        for hook, type_ in auths[:1]:
            description = inspect.getdoc(function_of(hook.function)) or "The client's `auth`."
            payload = self._schemas.get(type_, "validation")
            message = self._message("connect", "auth", payload, description, ["auth"])
            reply = self._message(
                "connect_error",
                "connect_error",
                self._schemas.get(_REFUSED, "serialization"),
                "The connect was refused; the client does not try again by itself.",
                ["error"],
            )
            operation = self._operation("receive", "connect", message, description)
            operation["reply"] = {"channel": {"$ref": self._ref}, "messages": [reply]}

    def receive(self, event: ClientEvent) -> None:
        """Describe an event that clients send, and its ack."""
        arguments = [self._schemas.get(each, "validation") for each in event.arguments]
        rest = None if event.rest is None else self._schemas.get(event.rest, "validation")
        payload = _payload(arguments, event.required, rest)
        names = [*event.names, *(["..."] if rest is not None else [])]
        message = self._message(event.name, event.name, payload, event.description, names)
        answer = self._schemas.get(event.answer, "serialization")
        several = answer.get("type") == "array" and "prefixItems" in answer
        ack = self._message(
            f"{event.name} ack",
            f"{event.name} ack",
            {"oneOf": [answer, self._schemas.get(_ERROR, "serialization")]},
            f"The ack of `{event.name}`: its result, or why it was refused.",
            [f"answer{index}" for index in range(len(answer["prefixItems"]))]
            if several
            else ["answer"],
        )
        operation = self._operation("receive", event.name, message, event.description)
        if event.limit is not None:
            operation["x-limit"] = event.limit.text
        operation["reply"] = {"channel": {"$ref": self._ref}, "messages": [ack]}

    def send(self, event: ServerEvent, *, has_offset: bool = False) -> None:
        """Describe an event that the server sends, with an offset if it is sent by `emit`."""
        arguments = [self._schemas.get(each, "serialization") for each in event.arguments]
        names = (
            ["value" if event.item is None else "part"]
            if len(arguments) == 1
            else [f"value{index}" for index in range(len(arguments))]
        )
        required = len(arguments)
        if has_offset:
            arguments, names = [*arguments, _OFFSET], [*names, "offset"]
        payload = _payload(arguments, required, None)
        message = self._message(event.name, event.name, payload, event.description, names)
        self._operation("send", event.name, message, event.description)

    def _message(
        self, key: str, name: str, payload: Document, description: str, arguments: list[str]
    ) -> Document:
        slug = _unused(_slug(key), self._messages)
        self._messages[slug] = {
            "name": name,
            "title": name,
            "description": description,
            "payload": payload,
            "examples": [{"payload": each} for each in self._schemas.examples(payload)],
            "x-arguments": arguments,
        }
        return {"$ref": f"{self._ref}/messages/{slug}"}

    def _operation(
        self, action: Direction, name: str, message: Document, description: str
    ) -> Document:
        slug = _unused(self._prefix + _slug(name), self._operations)
        operation = self._operations[slug] = {
            "title": name,
            "action": action,
            "channel": {"$ref": self._ref},
            "messages": [message],
            # A summary is plain text, other than a description.
            "summary": description.partition("\n")[0].replace("`", ""),
            "security": [{"$ref": "#/components/securitySchemes/session"}],
        }
        return operation


def _types_of(events: NamespaceEvents) -> Iterator[tuple[PayloadType, Mode]]:
    """Return all types of a namespace, and whether values of them come or go."""
    yield _ERROR, "serialization"
    yield _REFUSED, "serialization"
    for hook in events.connects:
        if hook.type is not None:
            yield hook.type, "validation"
    for received in events.received.values():
        for each in (*received.arguments, *([received.rest] if received.rest else [])):
            yield each, "validation"
        yield received.answer, "serialization"
    for sent in (*events.sent.values(), _ENDED):
        for each in sent.arguments:
            yield each, "serialization"


def _payload(arguments: list[Document], required: int, rest: Document | None) -> Document:
    """Return the schema of all arguments: of none, of one that has to be there, or of several."""
    if rest is None and len(arguments) == required == 1:
        return arguments[0]
    if rest is None and not arguments:
        return {"type": "null"}
    several: Document = {"type": "array", "prefixItems": arguments, "minItems": required}
    return several | ({"maxItems": len(arguments)} if rest is None else {"items": rest})


def _slug(name: str) -> str:
    return _NOT_SLUG.sub("-", name) or "-"


def _unused(slug: str, taken: Mapping[str, Any]) -> str:
    """Return a slug that is not taken: `a b` and `a-b` are two events, and one may go both ways."""
    numbered = (slug if number == 1 else f"{slug}-{number}" for number in itertools.count(1))
    return next(each for each in numbered if each not in taken)
