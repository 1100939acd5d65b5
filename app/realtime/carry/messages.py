"""What nodes send each other about a carried request: a line of JSON, and a body of bytes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import orjson


class Parcel(NamedTuple):
    """A message as it travels."""

    head: bytes
    body: bytes = b""


class Kind(StrEnum):
    """Which message it is; those that a node does not know are passed over."""

    ASK = "ask"
    CALL_OFF = "off"
    RELEASE = "release"
    ANSWER = "answer"


class Fault(StrEnum):
    """Why the body of a post is none."""

    SLOW = "slow"
    BAD = "bad"


class About(NamedTuple):
    """Which request: the node that holds it, and its number there."""

    node: str
    number: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A poll, or a post that has come whole.

    Attributes:
        about: which request.
        digest: stands for the socket's id, which is not sent (see `digest_of`).
        polls: it is a poll.
        keys: keys of the sessions that the request's cookies name.
        presented: the fingerprint of these cookies.
        fault: why a post has no body that could be handled.
        reason: what the log says of it.
        body: of a post.
    """

    about: About
    digest: str
    polls: bool
    keys: tuple[str, ...]
    presented: str | None
    fault: Fault | None = None
    reason: str = ""
    body: bytes = b""

    def parcel(self) -> Parcel:
        """Return it as it travels."""
        what = (self.digest, self.polls, self.keys, self.presented, self.fault, self.reason)
        return _parcel(Kind.ASK, self.about, *what, body=self.body)


@dataclass(frozen=True, slots=True)
class CallOff:
    """The client of a poll has hung up."""

    about: About

    def parcel(self) -> Parcel:
        """Return it as it travels."""
        return _parcel(Kind.CALL_OFF, self.about)


@dataclass(frozen=True, slots=True)
class Release:
    """A poll is to be answered now, with nothing: the node that holds it is about to stop."""

    about: About

    def parcel(self) -> Parcel:
        """Return it as it travels."""
        return _parcel(Kind.RELEASE, self.about)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    Attributes:
        about: which request.
        problem: the type of a problem; empty for success.
        media_type: of the body.
        body: of an answer that is no problem.
    """

    about: About
    problem: str
    media_type: str = ""
    body: bytes = b""

    def parcel(self) -> Parcel:
        """Return it as it travels."""
        return _parcel(Kind.ANSWER, self.about, self.problem, self.media_type, body=self.body)


CarryMessage = Ask | CallOff | Release | Answer


def parse(parcel: Parcel) -> CarryMessage | None:
    """Return the message of a parcel; None for one that this version does not know."""
    try:
        kind, node, number, *rest = orjson.loads(parcel.head)
        return _message(kind, About(str(node), int(number)), rest, parcel.body)
    except (ValueError, TypeError):
        return None


def _message(kind: str, about: About, rest: list[Any], body: bytes) -> CarryMessage | None:
    match kind:
        case Kind.ASK:
            digest, polls, keys, presented, fault, reason = rest[:6]
            fault = None if fault is None else Fault(fault)
            return Ask(about, digest, polls, tuple(keys), presented, fault, reason, body)
        case Kind.ANSWER:
            problem, media_type = rest[:2]
            return Answer(about, problem, media_type, body)
        case Kind.CALL_OFF:
            return CallOff(about)
        case Kind.RELEASE:
            return Release(about)
    return None


def _parcel(kind: Kind, about: About, *rest: object, body: bytes = b"") -> Parcel:
    return Parcel(orjson.dumps((kind, *about, *rest)), body)
