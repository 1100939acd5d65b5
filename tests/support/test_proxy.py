"""What tests put between a client and a server does to the link what it says."""

import asyncio
import time

from tests.support.echo import echo_server
from tests.support.proxy import proxy_to

LATENCY = 0.1
REQUEST = b"GET /%d HTTP/1.1\r\n\r\n"


async def test_whatever_is_sent_on_a_slow_link_is_as_late_and_in_order() -> None:
    async with echo_server() as port, proxy_to(port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.slow_down(LATENCY)
        began = time.monotonic()
        for number in range(3):
            writer.write(REQUEST % number)
            await asyncio.sleep(LATENCY / 4)

        answers = [await reader.readuntil(REQUEST % number) for number in range(3)]

        assert time.monotonic() - began >= 2 * LATENCY
        assert len(answers) == len(proxy.writes)  # none waited until the one before it had arrived
        writer.close()


async def test_a_link_that_is_mended_is_slow_no_more() -> None:
    async with echo_server() as port, proxy_to(port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.slow_down(3600.0)
        proxy.mend()
        writer.write(REQUEST % 0)

        await reader.readuntil(REQUEST % 0)

        writer.close()
