"""The arguments of an event or an ack, written once for all sockets that receive them."""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from ..article import kind_of

_BYTES = (bytes, bytearray, memoryview)


class Body(NamedTuple):
    """A Socket.IO packet's JSON array, and the attachments that its placeholders stand for."""

    text: str
    attachments: tuple[bytes, ...] = ()

    def on_the_bus(self) -> list[str]:
        """Return it as JSON data: the text, and each attachment in base64."""
        return [self.text, *(b64encode(each).decode() for each in self.attachments)]

    @classmethod
    def from_the_bus(cls, parts: Sequence[str]) -> "Body":
        """Return the body that was written by `on_the_bus`; raise ValueError if it is none."""
        text, *attachments = parts
        return cls(text, tuple(b64decode(each, validate=True) for each in attachments))


def write_body(data: list[Any]) -> Body:
    """Return the body of an array, whose bytes become attachments.

    Raises:
        TypeError: the data hold what is neither JSON nor bytes.
    """
    attachments: list[bytes] = []

    def attach(value: Any) -> dict[str, Any]:
        if not isinstance(value, _BYTES):
            raise TypeError(f"{kind_of(value)} is neither JSON nor bytes")
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}

    try:
        text = orjson.dumps(data, attach, orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    except TypeError:  # integers beyond 64 bits, and text that is no Unicode
        attachments.clear()
        text = write_json(data, attach)
    return Body(text, tuple(attachments))


def write_json(data: Any, default: Callable[[Any], Any] | None = None) -> str:
    """Return data as JSON by the standard library, which takes all integers and texts.

    JSON has no NaN and no Infinity, and clients close a connection on which one comes: it is null, as
    `JSON.stringify` and orjson have it.

    Raises:
        TypeError: the data hold what is no JSON, and there is no default that makes it such.
    """
    return json.dumps(_finite(data), default=default, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return value


def read_body(body: Body) -> list[Any]:
    """Return the array of a body; raise ValueError if it is none."""
    data = _restore(json.loads(body.text), body.attachments)
    if not isinstance(data, list):
        raise ValueError("a body that is no array")  # noqa: TRY004 - it is data that are wrong
    return data


def _restore(value: Any, attachments: Sequence[bytes]) -> Any:
    if isinstance(value, list):
        return [_restore(each, attachments) for each in value]
    if isinstance(value, dict):
        if value.get("_placeholder") is True and attachments:
            return attachments[value["num"]]
        return {name: _restore(each, attachments) for name, each in value.items()}
    return value
