"""Events that take effect once: the id that each of them carries, and the ack that is kept."""

import asyncio
from hashlib import sha256
from typing import Annotated, Any

import orjson
from pydantic import Field, ValidationError

from ..sessions import Attempt, OnceUnderWayError, SessionManager
from ..sessions.once import EVENTS, is_key
from .errors import InvalidPayloadError
from .payloads import PayloadType

ID = PayloadType(
    Annotated[
        str,
        Field(
            min_length=8,
            max_length=64,
            description="Of this one event: repeats of it have the same, all others another.",
            examples=["3f6c1f2e-8d0a-4c57-9a67-0c3c1b1d2e4f"],
        ),
    ]
)
MAX_ACK_BYTES = 16 * 1024
"""A larger ack is not kept."""

_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.05, 0.5


async def begin(
    manager: SessionManager, key: str, event: str, arguments: tuple[Any, ...]
) -> Attempt:
    """Claim the id of an event, or return the attempt with the first one's answer.

    While the first one is under way this waits: the client's `retries` take any ack for the last word, so
    an error ack would hide the first one's.

    Args:
        manager: of the sessions.
        key: the session key.
        event: the event's name, with its namespace.
        arguments: as they came, the id being the first.

    Raises:
        InvalidPayloadError: there is no id.
        OnceError: there is nothing to wait for.
    """
    name = f"e:{_id_of(arguments)}"
    fingerprint = sha256(repr((event, arguments)).encode("utf-8", "surrogatepass")).digest()
    delay = _FIRST_DELAY_SECONDS
    while True:
        attempt = Attempt(manager, key, name, fingerprint)
        try:
            EVENTS[await attempt.begin() is not None].inc()
        except OnceUnderWayError:
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS)
        else:
            return attempt


async def keep(attempt: Attempt, ack: Any) -> None:
    """Keep an ack; one with bytes in it, or that is too large, is not kept: a repeat is handled again."""
    try:
        answer = orjson.dumps([type(ack) is tuple, ack])
    except TypeError:
        return
    if len(answer) <= MAX_ACK_BYTES:
        await attempt.keep(answer)


def kept_ack(answer: bytes) -> Any:
    """Return the ack that `keep` kept."""
    several, ack = orjson.loads(answer)
    return tuple(ack) if several else ack


def _id_of(arguments: tuple[Any, ...]) -> str:
    try:
        found = ID.validate(arguments[0]) if arguments else None
    except ValidationError:
        found = None
    if not isinstance(found, str) or not is_key(found):
        raise InvalidPayloadError("id: the first argument is an id, a string of 8 to 64 characters")
    return found
