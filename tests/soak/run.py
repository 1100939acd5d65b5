"""A service of two nodes on a Valkey, and processes of clients that come, churn and go."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis.asyncio

from tests.soak import RELOAD_SECONDS, absolute_seconds, idle_seconds, js_life
from tests.soak.samples import LONGEST_SECONDS, Sample, Sampler, settled
from tests.soak.verdict import Finding, judge_all, remaining
from tests.support.browsers import JsClients
from tests.support.driver import Driver
from tests.support.http import http_client
from tests.support.processes import ROOT
from tests.support.servers import store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

PRODUCT = "tests.soak.product:app"
NODES = 2
_REHEARSAL_SECONDS = 20.0
_SETTLE_SECONDS = 240.0
_GO_SECONDS = 120.0
_WRONG_SHARE = 0.01


@dataclass(frozen=True)
class Plan:
    """How long, and how much.

    Attributes:
        seconds: of churn, the warm-up not counted.
        warm_up: seconds until all that is kept for a while has been kept for so long.
        clients: raw ones, over all transports.
        js_clients: in JavaScript, beside them.
        processes: of the raw ones.
        pace: seconds between two things that a client does, on average; sessions live for some of them.
        every: seconds between two samples.
        app: the product.
        series: where to write all samples, as JSON, for whoever wants to see when something rose.
    """

    seconds: float = 3600.0
    warm_up: float = LONGEST_SECONDS
    clients: int = 2000
    js_clients: int = 12
    processes: int = 2
    pace: float = 5.0
    every: float = 10.0
    app: str = PRODUCT
    series: Path | None = None


@dataclass
class Report:
    """What a soak came to."""

    findings: list[Finding] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def share_wrong(self) -> float:
        """How many of the things that were done went wrong."""
        return self.wrong.total() / max(1, self.done.total())

    @property
    def ok(self) -> bool:
        """Whether nothing grows, nothing remains, and next to nothing went wrong of what was done.

        On a machine with too much to do a client is late at times, and is disconnected for it.
        """
        was_there = bool(self.findings and self.done.total())
        return (
            was_there
            and self.share_wrong < _WRONG_SHARE
            and not any(each.grows or each.remains for each in self.findings)
        )


class Crowd:
    """Processes of clients, and those in JavaScript.

    Attributes:
        done: what has happened.
        wrong: what should not have.
    """

    def __init__(self, plan: Plan, urls: list[str], driver: Driver) -> None:
        self._plan = plan
        self._urls = urls
        self._driver = driver
        self._latest: dict[int, dict[str, dict[str, int]]] = {}
        self._js: tuple[Counter[str], Counter[str]] = Counter(), Counter()

    @property
    def done(self) -> Counter[str]:
        """What has happened."""
        return self._sum("done") + self._js[0]

    @property
    def wrong(self) -> Counter[str]:
        """What should not have."""
        return self._sum("wrong") + self._js[1]

    @asynccontextmanager
    async def here(self) -> AsyncIterator[None]:
        """Have all of them come, and go in the end."""
        async with AsyncExitStack() as stack:
            js = await stack.enter_async_context(JsClients(self._driver))
            each = -(-self._plan.clients // self._plan.processes)
            for first in range(0, self._plan.clients, each):
                number = min(each, self._plan.clients - first)
                await stack.enter_async_context(self._process(first, number))
            await stack.enter_async_context(self._in_javascript(js))
            yield

    @asynccontextmanager
    async def _process(self, first: int, number: int) -> AsyncIterator[None]:
        options = {"--first": first, "--number": number, "--pace": self._plan.pace}
        words = [str(word) for pair in options.items() for word in pair]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.clients", *words, *self._urls),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await (
            process.stdout.readline()
        )  # it runs: a signal before that would end it without a goodbye
        reading = asyncio.create_task(self._read(process, first))
        try:
            yield
            process.terminate()
            async with asyncio.timeout(_GO_SECONDS):
                code = await process.wait()
            await reading
            assert code == 0, f"a process of clients has ended with {code}"
        finally:
            reading.cancel()
            if process.returncode is None:
                process.kill()

    async def _read(self, process: asyncio.subprocess.Process, first: int) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._latest[first] = json.loads(line)

    @asynccontextmanager
    async def _in_javascript(self, js: JsClients) -> AsyncIterator[None]:
        done, wrong = self._js
        pace, over = self._plan.pace, asyncio.Event()
        tasks = [
            asyncio.create_task(
                js_life.live(js, self._urls, each, pace=pace, done=done, wrong=wrong, over=over)
            )
            for each in range(self._plan.js_clients)
        ]
        try:
            yield
        finally:
            over.set()
            async with asyncio.timeout(_GO_SECONDS):
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            wrong.update(repr(error) for error in ended if isinstance(error, Exception))

    def _sum(self, what: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for each in self._latest.values():
            total.update(each[what])
        return total


Say = Callable[[str], object]


async def soak(plan: Plan, say: Say) -> Report:
    """Run a soak; say now and then how it is."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(store_server("valkey"))
        options = {
            "app": plan.app,
            "log_level": "warning",
            "session_reload_interval": RELOAD_SECONDS,
            "session_idle_timeout": idle_seconds(plan.pace),
            "session_absolute_timeout": absolute_seconds(plan.pace),
            **server_settings(server),
        }
        nodes = [await stack.enter_async_context(service(**options)) for _ in range(NODES)]
        driver = stack.enter_context(Driver())
        http = await stack.enter_async_context(http_client(nodes[0].url, timeout=60.0))
        store = await stack.enter_async_context(redis.asyncio.Redis.from_url(server.url))
        sampler = Sampler(nodes, http, store)
        return await _soak(plan, say, nodes, sampler, driver)


async def _soak(
    plan: Plan, say: Say, nodes: list[Service], sampler: Sampler, driver: Driver
) -> Report:
    report, urls = Report(), [node.url for node in nodes]
    base = await _rehearse(plan, say, sampler, Crowd(plan, urls, driver))
    crowd = Crowd(plan, urls, driver)
    async with crowd.here():
        say(f"{plan.clients} clients come; the warm-up takes {plan.warm_up:.0f} s")
        await asyncio.sleep(plan.warm_up)
        await _watch(plan, say, sampler, crowd)
    report.done, report.wrong = crowd.done, crowd.wrong
    if plan.series is not None:
        plan.series.write_text(json.dumps(sampler.series))
    say("all have gone: what is left?")
    left = await settled(sampler, lambda now: remaining(base, now), _SETTLE_SECONDS, say)
    report.kinds = await sampler.kinds()
    report.findings = judge_all(base, sampler.series, left, plan.warm_up)
    return report


async def _rehearse(plan: Plan, say: Say, sampler: Sampler, crowd: Crowd) -> Sample:
    """Have clients come and go once, so that what is made at first use is made; return what is there then."""
    cold = await sampler.sample(collect=True)
    say("the rehearsal: what is made at first use is made")
    async with crowd.here():
        await asyncio.sleep(min(_REHEARSAL_SECONDS, plan.seconds) + 2 * plan.pace)
    return await settled(sampler, lambda now: remaining(cold, now), _SETTLE_SECONDS / 2, say)


async def _watch(plan: Plan, say: Say, sampler: Sampler, crowd: Crowd) -> None:
    began, said = time.monotonic(), 0.0
    while (now := time.monotonic() - began) < plan.seconds:
        found = await sampler.note()
        if now - said >= 60 or not said:
            said = now + 0.001
            done, wrong = crowd.done.total(), crowd.wrong
            memory = sum(value for name, value in found.items() if name.startswith("rss"))
            say(
                f"{now / 60:5.1f} min: {done} things done, {wrong.total()} went wrong, "
                f"{memory / 1e6:.0f} MB in {NODES} nodes, {found['keys']:.0f} keys"
            )
        await asyncio.sleep(plan.every)
