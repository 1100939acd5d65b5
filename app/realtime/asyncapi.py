"""The events as an AsyncAPI 3 document, made from the types that validate them at run time."""

import inspect
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.realtime.closing import SESSION_ENDED
from app.realtime.events import Events, Received, Sent
from app.sessions import EndReason

_REF = "#/components/schemas/{model}"
_CHANNEL = "#/channels/root"

Document = dict[str, Any]


class Problem(BaseModel):
    """Why an event was refused."""

    type: str = Field(
        description=(
            "Stable name of the problem, for programs: `invalid-payload`, `session-ended`, "
            "`session-too-large`, `store-unavailable` (try again), `too-many-events` (wait for "
            "acks), `internal-error`; for an event that is not declared `unknown-event`."
        ),
        examples=["store-unavailable"],
    )
    detail: str = Field(
        description="What happened this time, for people.",
        examples=["The session store gives no answer; try again."],
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


_ENDED = Sent(SESSION_ENDED, TypeAdapter(SessionEnded), inspect.getdoc(SessionEnded) or "")
_ERROR = TypeAdapter(ErrorAck)

Mode = Literal["validation", "serialization"]


def describe(events: Events, *, title: str, version: str, cookie_name: str) -> Document:
    """Make the document of all declared events."""
    return _Writer(title, version, cookie_name).write(events)


class _Writer:
    def __init__(self, title: str, version: str, cookie_name: str) -> None:
        self._info = {
            "title": f"{title}: socket events",
            "version": version,
            "description": (
                "Socket.IO v5 at `/socket.io/`, namespace `/`. The handshake opens the session, or "
                "finds it by its cookie, which the browser sends by itself; HTTP routes see the "
                "same one. A payload here is the event's one argument, or null where it has none. "
                "An event that is refused changes nothing, and its ack says why. "
                "[The HTTP API](/docs) has a page of its own."
            ),
        }
        self._cookie = {
            "type": "httpApiKey",
            "in": "cookie",
            "name": cookie_name,
            "description": "Set by the first answer that opens a session.",
        }
        self._schemas: Document = {}
        self._messages: Document = {}
        self._operations: Document = {}

    def write(self, events: Events) -> Document:
        for received in events.received:
            self._receive(received)
        for sent in (*events.sent, _ENDED):
            self._send(sent)
        return {
            "asyncapi": "3.0.0",
            "info": self._info,
            "defaultContentType": "application/json",
            "channels": {"root": self._channel()},
            "operations": self._operations,
            "components": {"schemas": self._schemas, "securitySchemes": {"session": self._cookie}},
        }

    def _channel(self) -> Document:
        return {
            "address": "/",
            "title": "The namespace /",
            "description": "One Socket.IO connection, moored to the browser's session.",
            "messages": self._messages,
        }

    def _receive(self, event: Received) -> None:
        arguments = [self._schema(each, "validation") for each in event.arguments]
        payload = arguments[0] if len(arguments) == 1 else _tuple(arguments)
        message = self._message(event.name, payload, event.description)
        answer = {"oneOf": [self._schema(event.answer, "serialization"), self._error()]}
        ack = self._message(
            f"{event.name} ack",
            answer,
            f"The ack of `{event.name}`: what it gives, or why it was refused.",
        )
        reply = {"channel": {"$ref": _CHANNEL}, "messages": [ack]}
        self._operations[_slug(event.name)] = _operation("receive", message, event) | {
            "reply": reply
        }

    def _send(self, event: Sent) -> None:
        payload = self._schema(event.argument, "serialization")
        message = self._message(event.name, payload, event.description)
        self._operations[_slug(event.name)] = _operation("send", message, event)

    def _message(self, name: str, payload: Document, description: str) -> Document:
        slug = _slug(name)
        self._messages[slug] = {
            "name": name,
            "title": name,
            "description": description,
            "payload": payload,
            "examples": [{"payload": each} for each in self._examples(payload)],
        }
        return {"$ref": f"{_CHANNEL}/messages/{slug}"}

    def _examples(self, schema: Document) -> list[Any]:
        """Give what a type names as examples, or what its members do, put together."""
        found: list[Any] = schema.get("examples", [])
        if found:
            return found
        if schema.get("type") == "null":
            return [None]
        if "$ref" in schema:
            return self._examples(self._schemas[schema["$ref"].rpartition("/")[2]])
        if "oneOf" in schema:
            return [example for each in schema["oneOf"] for example in self._examples(each)]
        members = {
            name: self._examples(each) for name, each in schema.get("properties", {}).items()
        }
        if not members or not all(members.values()):
            return []
        return [{name: each[0] for name, each in members.items()}]

    def _error(self) -> Document:
        return self._schema(_ERROR, "serialization")

    def _schema(self, adapter: TypeAdapter[Any], mode: Mode) -> Document:
        """Give a type's schema; what it defines by name goes to the components."""
        schema = adapter.json_schema(ref_template=_REF, mode=mode)
        self._schemas |= schema.pop("$defs", {})
        if "title" in schema and schema.get("type") == "object":
            self._schemas[schema["title"]] = schema
            return {"$ref": _REF.format(model=schema["title"])}
        return schema


def _operation(action: str, message: Document, event: Received | Sent) -> Document:
    return {
        "title": event.name,
        "action": action,
        "channel": {"$ref": _CHANNEL},
        "messages": [message],
        "summary": event.description.partition("\n")[0],
        "security": [{"$ref": "#/components/securitySchemes/session"}],
    }


def _tuple(arguments: list[Document]) -> Document:
    if not arguments:
        return {"type": "null"}
    count = len(arguments)
    return {"type": "array", "prefixItems": arguments, "minItems": count, "maxItems": count}


def _slug(name: str) -> str:
    return name.replace(" ", "-")
