"""The messages that nodes exchange over the bus, each a model of its own."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Message(BaseModel):
    """Base of all messages; unknown fields are ignored, so that a newer node may add some."""

    model_config = ConfigDict(frozen=True)


class EmitMessage(Message):
    """State for a session's sockets, sent to those that have no newer version of it.

    Attributes:
        body: holds the value in place of `value`, if it has bytes; see Body.on_the_bus.
    """

    kind: Literal["tell"] = "tell"
    key: Key
    version: int
    event: str
    value: Any
    body: list[str] | None = None


class SessionEndedMessage(Message):
    """A session has ended, or moved to another id. Its tombstone has the reason, and is authoritative."""

    kind: Literal["ended"] = "ended"
    key: Key


Space = Literal["room", "session", "socket", "user", "all"]


class EventMessage(Message):
    """An event for sockets, each of which is to get it.

    Attributes:
        space: what the name is one of.
        name: of the room, the key of the session, or the id of the socket.
        namespace: where they are; a socket that is named by its id may be elsewhere.
        body: the event's name and arguments, see Body.on_the_bus.
        skip: the id of a socket that is left out.
        volatile: a socket whose client does not keep up is left out.
        traceparent: the span of the emit, as the W3C writes it.
    """

    kind: Literal["event"] = "event"
    space: Space
    name: str
    namespace: str
    body: list[str] = Field(min_length=1)
    skip: str | None = None
    volatile: bool = False
    traceparent: str | None = None


class MembershipMessage(Message):
    """Sockets are to join a room of the application, or to leave it."""

    kind: Literal["membership"] = "membership"
    space: Space
    name: str
    namespace: str
    room: str
    joins: bool


class DisconnectMessage(Message):
    """Sockets are to be disconnected, in one namespace or in all."""

    kind: Literal["disconnect"] = "disconnect"
    space: Space
    name: str
    namespace: str | None
    reconnect: bool


class CallMessage(Message):
    """An event for one socket, whose ack is to be sent back; without a body: is it there?"""

    kind: Literal["call"] = "call"
    call: str
    sid: str
    body: list[str] = []


class ReplyMessage(Message):
    """The ack that a CallMessage has asked for."""

    kind: Literal["reply"] = "reply"
    call: str
    body: list[str] = Field(min_length=1)


class ChangedMessage(Message):
    """A value of a session has changed that hooks wait for: who has its sockets reads it again."""

    kind: Literal["changed"] = "changed"
    key: Key


class StreamMessage(Message):
    """There is more of a stream: a node whose sockets read it reads on.

    Attributes:
        space: `session` or `user`.
        name: the key of the session, or what an index calls the user.
        namespace: where the sockets are.
        stream: the id of the stream.
    """

    kind: Literal["stream"] = "stream"
    space: Space
    name: str
    namespace: str
    stream: str


class HelloMessage(Message):
    """A node has begun to read. It is published for its offset alone: see BusRelay."""

    kind: Literal["hello"] = "hello"


class UnknownKindError(ValueError):
    """A message of a kind that this version does not know: a node of a later version has sent it."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"messages of the kind {kind!a:.80} are unknown here")
        self.kind = kind


Known = (
    EmitMessage
    | SessionEndedMessage
    | EventMessage
    | MembershipMessage
    | DisconnectMessage
    | CallMessage
    | ReplyMessage
    | ChangedMessage
    | StreamMessage
    | HelloMessage
)
AnyMessage = Annotated[Known, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[Known] = TypeAdapter(AnyMessage)


def parse(payload: bytes) -> Known:
    """Return the message of a payload; raise UnknownKindError or another ValueError for anything else."""
    try:
        return _ADAPTER.validate_json(payload)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_input=False)
        if first["type"] == "union_tag_invalid":
            raise UnknownKindError(str(first["ctx"]["tag"])) from None
        raise


def write(message: Message) -> bytes:
    """Return a message as JSON."""
    members = message.__dict__
    if members.get("body", message) is None:  # nodes of before have no such member
        members = {name: value for name, value in members.items() if name != "body"}
    try:
        return orjson.dumps(members)  # five times as fast as the other
    except TypeError:  # text that is no Unicode, or integers beyond 64 bits
        return message.model_dump_json(include=set(members)).encode()


def write_state(key: str, version: int, event: str, value: Any) -> bytes:
    """Return an EmitMessage as JSON. Events send no other message as often, and a model takes long."""
    members = {"kind": "tell", "key": key, "version": version, "event": event, "value": value}
    try:
        return orjson.dumps(members)
    except TypeError:
        return write(EmitMessage(key=key, version=version, event=event, value=value))
