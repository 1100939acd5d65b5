"""P22: whatever a client asks, the answer is the same at the node of its socket and at any other.

CARRIED_SCRIPTS=1000 for more scripts, CARRIED_SEED=7 for others.
"""

import asyncio
import itertools
import os
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.support.eventually import PATIENCE, eventually
from tests.support.http import PROBLEM, begin, http_client
from tests.support.raw import SEPARATOR, RawPolling, refused_websocket
from tests.support.round_robin import polling_over
from tests.support.samples import times
from tests.support.servers import store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

pytestmark = pytest.mark.proof

SCRIPTS = int(os.environ.get("CARRIED_SCRIPTS") or times(10, of=60))
SEED = int(os.environ.get("CARRIED_SEED", "1"))
STEPS = 8
_UNHURRIED = {"ping_interval": 600, "connect_timeout": 600}
"""Settings with which nothing happens to a socket but what a script does."""

POSTS = [
    *(
        "3",
        "2",
        "6",
        "0",
        "5",
        "1",
        "7",
        "",
        "nonsense",
        "4nonsense",
        "49",
        "42",
        "42[]",
        '42["incr"',
    ),
    *("40", "40/nowhere,", "41", "42/nowhere,[]", '4399["nobody waits"]', '451-["bytes"]', "bAAEC"),
    *(f'42["incr"]{SEPARATOR}42["incr"]', SEPARATOR * 3, f"3{SEPARATOR}7", "4" + "5" * 1_000_001),
    *(f'42["incr","{"x" * 20_000}"]', '42["no such event",1]', "\N{SNOWMAN}", f"40{SEPARATOR}41"),
]
METHODS = ["PUT", "DELETE", "HEAD", "OPTIONS"]
QUERIES = ["&j=0", "&EIO=3", "&transport=websocket", "&transport=pigeon"]
COOKIES = [None, "session=made-up", "session=" + "A" * 43 + "." + "A" * 43, "other=1"]

Step = tuple[str, Any]


def script(seed: int) -> list[Step]:
    """Return what a client does, one step after the other."""
    randomness = random.Random(seed)
    options: dict[str, list[Any]] = {
        "event": [1, 2, 3],
        "post": POSTS,
        "method": METHODS,
        "query": QUERIES,
        "cookie": COOKIES,
    }
    kinds = [*["event", "post"] * 3, "method", "query", "cookie", "overlap", "call off", "upgrade"]
    chosen = [randomness.choice(kinds) for _ in range(STEPS)]
    return [(kind, randomness.choice(options.get(kind, [None]))) for kind in chosen]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Sequence[Service]]:
    """Three nodes, shared by all scripts."""
    with ExitStack() as stack:
        server = stack.enter_context(store_server("valkey"))
        settings = server_settings(server) | _UNHURRIED
        yield [stack.enter_context(service(**settings)) for _ in range(3)]


async def test_random_scripts_get_the_same_answers_wherever_their_requests_arrive(
    nodes: Sequence[Service],
) -> None:
    for seed in range(SEED, SEED + SCRIPTS):
        steps = script(seed)
        try:
            local, carried = await asyncio.gather(
                _run(steps, nodes, [0]), _run(steps, nodes, [1, 2])
            )
            assert carried == local
        except Exception as error:
            error.add_note(f"seed {seed}: {steps}")
            raise


async def _run(steps: Sequence[Step], nodes: Sequence[Service], at: Sequence[int]) -> list[object]:
    """Open a socket at the first node, and send what follows elsewhere; return the answers."""
    where = itertools.chain([0], itertools.cycle(at))
    async with polling_over(lambda _: nodes[next(where)].url, nodes[0].url, leave=False) as raw:
        answers: list[object] = [await raw.join() != ""]
        client = _Scripted(raw, nodes[at[0]].url)
        answers += [await client.do(step) for step in steps]
        answers.append(await client.do(("event", 1)))
        await raw.post("1")
        return answers


class _Scripted:
    """A client that does what a script says."""

    def __init__(self, raw: RawPolling, elsewhere: str) -> None:
        self._raw = raw
        self._elsewhere = elsewhere
        self._acks = 0

    async def do(self, step: Step) -> object:
        """Do one step; return what came of it."""
        kind, what = step
        acts: dict[str, Callable[[Any], Awaitable[object]]] = {
            "event": self._events,
            "cookie": self._with_cookie,
            "overlap": self._overlap,
            "call off": self._call_off,
            "upgrade": self._upgrade,
        }
        if kind in acts:
            return await acts[kind](what)
        return _seen(await self._ask(kind, str(what)))

    async def _ask(self, kind: str, what: str) -> httpx.Response:
        if kind == "post":
            return await self._raw.post(what)
        if kind == "method":
            return await self._raw.client.request(what, self._raw.address)
        return await self._raw.client.get(self._raw.address + what)

    async def _events(self, count: int) -> object:
        """Send events in one post, and poll until the last one has its ack, or the socket is at its end."""
        numbers = range(self._acks, self._acks + count)
        self._acks += count
        posted = await self._raw.post(*(f'42{number}["incr"]' for number in numbers))
        if posted.status_code != httpx.codes.OK:
            return _seen(posted)
        packets: list[str] = []
        while not any(each.startswith((f"43{numbers[-1]}[", "41", "1")) for each in packets):
            polled = await self._poll()
            if polled.status_code != httpx.codes.OK:
                return packets, _seen(polled)
            packets += [_without_sid(each) for each in polled.text.split(SEPARATOR) if each != "6"]
        return packets

    async def _poll(self) -> httpx.Response:
        """Poll; something has to come."""
        async with asyncio.timeout(PATIENCE):
            return await self._raw.poll()

    async def _with_cookie(self, cookie: str | None) -> object:
        async with http_client(self._elsewhere, cookie=cookie) as http:
            polled = await http.get(self._raw.address)
            posted = await http.post(self._raw.address, content="3")
            return _seen(polled), _seen(posted)

    async def _overlap(self, _: object) -> object:
        """Poll twice at once when nothing is there to be read; which is the second, the node says."""
        before = await self._events(1)
        polled = await asyncio.gather(self._poll(), self._poll())
        return before, sorted(each.status_code for each in polled)

    async def _call_off(self, _: object) -> object:
        """Poll when nothing is there to be read, and hang up; the socket ends, soon."""
        before = await self._events(1)
        await self._hang_up()
        await eventually(self._has_ended)
        return before

    async def _hang_up(self) -> None:
        """Send a poll, and close its connection: one that was not sent hangs up on nobody."""
        poll = await begin(self._raw.client, "GET", self._raw.address)
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)

    async def _has_ended(self) -> bool:
        return (await self._raw.post("3")).status_code != httpx.codes.OK

    async def _upgrade(self, _: object) -> object:
        """Ask for a WebSocket with another one's cookie: it is refused, whether here or elsewhere."""
        query = f"&sid={self._raw.opened['sid']}"
        return (await refused_websocket(self._elsewhere, query=query)).status_code >= 400


def _without_sid(packet: str) -> str:
    """Return a packet without the id that a socket gets when it joins: each has its own."""
    return re.sub(r'"sid":"[^"]*"', '"sid":""', packet)


def _seen(answer: httpx.Response) -> object:
    """What a client sees, but for what differs from request to request."""
    headers = {
        name: answer.headers.get(name)
        for name in ("content-type", "content-encoding", "cache-control", "vary", "set-cookie")
    }
    if answer.text and answer.headers.get("content-type", "").startswith(PROBLEM):
        return answer.status_code, answer.json(), headers
    return answer.status_code, answer.text, headers
