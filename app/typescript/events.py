"""Events, from the AsyncAPI document to the types that socket.io-client takes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .names import argument_names, identifier, unused, with_type_names
from .schemas import array_of, declaration, documentation, property_name, type_of

Document = Mapping[str, Any]

_AUTH, _RECEIVED, _SENT = "HandshakeAuth", "ClientToServerEvents", "ServerToClientEvents"
_BEHIND = ("more", "ack")
"""What may stand behind the arguments that an event names."""
_NOT_WORD = re.compile(r"\W+")


def event_types(document: Document) -> str:
    """Return the module of all events: for each namespace what clients and the server send.

    In the root namespace these are `ClientToServerEvents` and `ServerToClientEvents`; in `/admin`
    `AdminClientToServerEvents` and so on. What a client may send as `auth` is `HandshakeAuth`.
    """
    prefixes = _prefixes(document["channels"])
    own = {f"{prefix}{name}" for prefix in prefixes for name in (_AUTH, _RECEIVED, _SENT)}
    document = with_type_names(document, own)
    definitions = document["components"]["schemas"]
    parts = [declaration(name, schema) for name, schema in definitions.items()]
    for prefix, (key, channel) in zip(prefixes, document["channels"].items(), strict=True):
        parts += _namespace(document, f"#/channels/{key}", channel, prefix)
    return "\n".join(parts)


def _prefixes(channels: Document) -> list[str]:
    """Return what the names of each namespace begin with: `/a-b` and `/a/b` are two."""
    prefixes: list[str] = []
    for each in channels.values():
        words = _NOT_WORD.split(each["address"].strip("/"))
        prefix = "".join(word.capitalize() for word in words)
        prefixes.append(unused(identifier(prefix), prefixes))
    return prefixes


def _namespace(document: Document, ref: str, channel: Document, prefix: str) -> Iterator[str]:
    operations = [
        each for each in document["operations"].values() if each["channel"]["$ref"] == ref
    ]
    messages = channel["messages"]
    received = [each for each in operations if each["action"] == "receive"]
    auths = [
        each
        for each in received
        if _message(messages, each)["name"] == "auth" and "connect_error" in str(each["reply"])
    ]
    for each in auths:
        yield f"export type {prefix}{_AUTH} = {type_of(_message(messages, each)['payload'])};\n"
    plain = [each for each in received if each not in auths]
    yield _interface(f"{prefix}{_RECEIVED}", (_received(messages, each) for each in plain))
    sent = [each for each in operations if each["action"] == "send"]
    yield _interface(f"{prefix}{_SENT}", (_sent(messages, each) for each in sent))


def _received(messages: Document, operation: Document) -> str:
    message = _message(messages, operation)
    reply = messages[_slug(operation["reply"]["messages"][0])]
    own, error = reply["payload"]["oneOf"]
    acks = _acks(own, type_of(error), reply["x-arguments"])
    arguments = _arguments(message)
    if any(each.startswith("...") for each in arguments):
        acked = ", ".join([*arguments, f"ack: {acks}"])
        return _member(message, f"(...args: [{', '.join(arguments)}] | [{acked}]) => void")
    return _member(message, f"({', '.join([*arguments, f'ack?: {acks}'])}) => void")


def _acks(own: Document, error: str, names: list[str]) -> str:
    if (
        own.get("type") == "array"
        and "prefixItems" in own
        and len(names) == len(own["prefixItems"])
    ):
        several = ", ".join(map(type_of, own["prefixItems"]))
        return f"(...answer: [{several}] | [{error}]) => void"
    if own.get("type") == "null":
        return f"(error?: {error}) => void"
    return f"(answer: {type_of(own)} | {error}) => void"


def _sent(messages: Document, operation: Document) -> str:
    message = _message(messages, operation)
    return _member(message, f"({', '.join(_arguments(message))}) => void")


def _arguments(message: Document) -> list[str]:
    payload, names = message["payload"], message["x-arguments"]
    if payload.get("type") == "null" and not names:
        return []
    if payload.get("type") != "array" or "prefixItems" not in payload:
        [name] = argument_names(names[:1], _BEHIND)
        return [f"{name}: {type_of(payload)}"]
    return list(_several(payload, names))


def _several(payload: Document, names: list[str]) -> Iterator[str]:
    required, rest = payload["minItems"], "maxItems" not in payload
    variadic = rest and names[-1] == "..."
    items = payload["prefixItems"]
    for index, name in enumerate(argument_names(names[: len(items)], _BEHIND)):
        optional = "" if index < required else "?"
        yield f"{name}{optional}: {type_of(items[index])}"
    if variadic:
        yield f"...more: {array_of(type_of(payload['items']))}"


def _member(message: Document, function: str) -> str:
    comment = documentation(message["description"], "  ")
    return f"{comment}  {property_name(message['name'])}: {function};\n"


def _interface(name: str, members: Iterable[str]) -> str:
    return f"export interface {name} {{\n{''.join(members)}}}\n"


def _message(messages: Document, operation: Document) -> Document:
    found: Document = messages[_slug(operation["messages"][0])]
    return found


def _slug(reference: Document) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
