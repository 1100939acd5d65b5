"""A process of many clients: python -m tests.soak.clients. It ends at SIGTERM, when all have said goodbye.

Every few seconds, and in the end, it writes a line of JSON: what has happened, and what should not have.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections import Counter

import aiohttp

from tests.soak.life import Life
from tests.support.many_clients import allow_many_files

_SAY_SECONDS = 5.0


async def run(urls: list[str], first: int, number: int, pace: float) -> None:
    """Have clients live until a signal comes."""
    done: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    connector = aiohttp.TCPConnector(limit=0)
    async with connector:
        lives = [
            Life(connector, urls, each, pace=pace, done=done, wrong=wrong)
            for each in range(first, first + number)
        ]
        tasks = [asyncio.create_task(each.live()) for each in lives]
        while not over.is_set():
            _say(done, wrong)
            try:
                async with asyncio.timeout(_SAY_SECONDS):
                    await over.wait()
            except TimeoutError:
                continue
        for each in tasks:
            each.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                wrong[repr(error)[:200]] += 1
        await asyncio.gather(*(each.aclose() for each in lives), return_exceptions=True)
    _say(done, wrong)


def _say(done: Counter[str], wrong: Counter[str]) -> None:
    sys.stdout.write(json.dumps({"done": done, "wrong": wrong}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--pace", type=float, required=True)
    parser.add_argument("urls", nargs="+")
    options = parser.parse_args()
    allow_many_files()
    asyncio.run(run(options.urls, options.first, options.number, options.pace))
