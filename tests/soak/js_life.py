"""What a client in JavaScript does: the same client that browsers have, on each transport."""

import asyncio
import random
from collections import Counter

from tests.support.browsers import DriverError, JsBrowser, JsClient, JsClients, Transport

_WITHIN = 45.0


async def live(
    js: JsClients,
    urls: list[str],
    number: int,
    *,
    pace: float,
    done: Counter[str],
    wrong: Counter[str],
    over: asyncio.Event,
) -> None:
    """Sign in, connect, talk, lose the link and come back, and log out; until it is over."""
    rng = random.Random(f"js {number}")
    browser = await js.browser(urls[number % len(urls)])
    while not over.is_set():
        try:
            await browser.post_json("/login", {"user": f"js-{number}"})
            client = await browser.connect(list(Transport)[number % 3], within=_WITHIN)
            try:
                await _talk(client, rng, pace, done, over)
                await _end(browser, client, done)
            finally:
                await client.close()
        except (AssertionError, DriverError, TimeoutError) as error:
            wrong[f"js: {str(error)[:120]}"] += 1
            await _is_over(over, within=pace)


async def _talk(
    client: JsClient, rng: random.Random, pace: float, done: Counter[str], over: asyncio.Event
) -> None:
    for _ in range(rng.randrange(1, 4)):
        for _ in range(3):
            if await _is_over(over, within=rng.expovariate(1 / pace)):
                return
            await client.emit("incr", within=_WITHIN)
            done["js deed"] += 1
        mark = client.mark
        await client.cut()
        back = await client.wait_for("connect", after=mark, within=_WITHIN)
        done["js recovered" if back.args[1] else "js connect"] += 1


async def _is_over(over: asyncio.Event, *, within: float) -> bool:
    """Return whether it is over within so many seconds, which pass otherwise."""
    try:
        async with asyncio.timeout(within):
            return await over.wait()
    except TimeoutError:
        return False


async def _end(browser: JsBrowser, client: JsClient, done: Counter[str]) -> None:
    await browser.fetch("POST", "/logout")
    await client.wait_for("disconnect", within=_WITHIN)
    done["js log out"] += 1
