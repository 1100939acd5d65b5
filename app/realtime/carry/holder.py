"""At the node where a request arrived: holds it while the node that has its socket serves it."""

import asyncio
import itertools
from dataclasses import dataclass, field

from ...aio.byte_gate import ByteGate
from ...asgi.errors import ServiceUnavailableError
from ...asgi.limits import BODY_SECONDS, CARRIED_BYTES, CARRIED_REQUESTS
from ..bus.base import BusUnavailableError
from ..engineio.requests import (
    BAD_PAYLOAD,
    NOT_YOURS,
    OVERLAPPING_POLLS,
    OVERLAPPING_POSTS,
    SLOW_BODY,
    UNKNOWN_SOCKET,
    BadRequestError,
)
from ..engineio.responses import Response
from .messages import About, Answer, Ask, CallOff, Release
from .streams import CarryStreams

ASK_SECONDS = 1.5
"""For how long a request that cannot be sent on is held."""

DRAIN_SECONDS = 0.25
"""How long a node that is about to stop holds a poll: its client may come back to it, again and again."""

_RETRY_SECONDS = 0.1

_PROBLEMS = {
    problem.type: problem
    for problem in (
        *(UNKNOWN_SOCKET, NOT_YOURS, OVERLAPPING_POLLS, OVERLAPPING_POSTS, SLOW_BODY, BAD_PAYLOAD),
    )
}


@dataclass(slots=True, eq=False)
class Held:
    """A request, and where it was sent.

    Attributes:
        owner: the node that has its socket.
        ask: what it was sent.
        answer: what it is to say.
        sent: it was sent.
    """

    owner: str
    ask: Ask
    answer: asyncio.Future[Answer] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    sent: bool = False

    def fail(self, error: Exception) -> None:
        """Answer it with an error, unless it has an answer."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # retrieved, should nobody wait for it any more


class CarriedHolder:
    """Holds requests for other nodes, in bounds.

    Args:
        node: this node's id.
        streams: take what is asked.
        seconds: how long an answer may take.
    """

    def __init__(self, node: str, streams: CarryStreams, seconds: float) -> None:
        self.draining = False
        self._node = node
        self._streams = streams
        self._seconds = seconds
        self._numbers = itertools.count()
        self._held: dict[int, Held] = {}
        self._bytes = ByteGate(CARRIED_BYTES, BODY_SECONDS)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def owners(self) -> set[str]:
        """The nodes that are asked for something."""
        return {held.owner for held in self._held.values()}

    def new_request(self) -> About:
        """Return the name of another request; raise ServiceUnavailableError if there are too many."""
        if len(self._held) >= CARRIED_REQUESTS:
            raise ServiceUnavailableError("too many requests are carried to other nodes")
        return About(self._node, next(self._numbers))

    async def ask(self, held: Held) -> Response:
        """Return what the node that has the socket answers.

        Raises:
            BadRequestError: it refuses the request, or has gone.
            ServiceUnavailableError: it cannot be asked, or gives no answer.
        """
        if not held.ask.body:
            return await self._ask(held)
        async with self._bytes.hold("", len(held.ask.body)):
            return await self._ask(held)

    async def _ask(self, held: Held) -> Response:
        self._held[held.ask.about.number] = held
        try:
            await self._send(held)
            async with asyncio.timeout(self._seconds):
                return _response(await held.answer)
        except TimeoutError:
            raise ServiceUnavailableError("the node that has the socket is silent") from None
        finally:
            del self._held[held.ask.about.number]

    async def _send(self, held: Held) -> None:
        """Send a request on; raise BusUnavailableError if that is not possible for too long."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                while not held.sent and not held.answer.done():
                    held.sent = await self._try_to_send(held)
        except TimeoutError:
            raise BusUnavailableError("a request cannot be sent to another node") from None
        if self.draining:
            asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._release, held)

    async def _try_to_send(self, held: Held) -> bool:
        try:
            is_there = await self._streams.send(held.owner, held.ask.parcel())
        except BusUnavailableError:
            await asyncio.sleep(_RETRY_SECONDS)
            return False
        if not is_there:
            raise BadRequestError(UNKNOWN_SOCKET)
        return True

    def call_off(self, held: Held) -> None:
        """Note that the client of a poll has hung up."""
        if not held.answer.done():
            self._streams.send_and_forget(held.owner, CallOff(held.ask.about).parcel())
            held.answer.set_result(Answer(held.ask.about, "", "text/plain"))

    def receive(self, answer: Answer) -> None:
        """Handle an answer; returns without waiting."""
        held = self._held.get(answer.about.number)
        if held is not None and not held.answer.done():
            held.answer.set_result(answer)

    def gone(self, owner: str) -> None:
        """Refuse the requests for a node that has gone, so that their clients connect anew."""
        for held in self._held_for(owner):
            held.fail(BadRequestError(UNKNOWN_SOCKET))

    def ask_again(self, owner: str | None = None) -> None:
        """Send again what may have been lost: what one node was sent, or all."""
        for held in self._held_for(owner):
            if held.sent:
                self._streams.send_and_forget(held.owner, held.ask.parcel())

    def fail_posts(self) -> None:
        """Answer posts with 503: there is an outage. Polls may wait until it is over."""
        for held in self._held.values():
            if not held.ask.polls:
                held.fail(BusUnavailableError("the answer of another node cannot be read"))

    async def drain(self) -> None:
        """Hold polls for a moment only, from now on: this node is about to stop."""
        self.draining = True
        await asyncio.sleep(DRAIN_SECONDS)
        for held in self._held.values():
            self._release(held)

    def close(self) -> None:
        """Answer what is left. May be called twice."""
        for held in self._held.values():
            held.fail(ServiceUnavailableError("this server is shutting down"))

    def _release(self, held: Held) -> None:
        if held.ask.polls and not held.answer.done():
            self._streams.send_and_forget(held.owner, Release(held.ask.about).parcel())

    def _held_for(self, owner: str | None) -> list[Held]:
        return [each for each in self._held.values() if owner in (None, each.owner)]


def _response(answer: Answer) -> Response:
    if not answer.problem:
        return Response(200, answer.body, answer.media_type.encode())
    problem = _PROBLEMS.get(answer.problem)
    if problem is None:
        raise ServiceUnavailableError(f"the node that has the socket says: {answer.problem}")
    raise BadRequestError(problem)
