"""The product that README shows: served as README says, and used as README says."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.docs.conftest import Product, words_of
from tests.docs.markdown import blocks
from tests.support.browsers import JsClients, Transport
from tests.support.processes import ROOT

README = ROOT / "README.md"


def _command() -> str:
    """Return the command by which README serves an app."""
    lines = [
        line
        for block in blocks(README)
        if block.language == "sh"
        for line in block.text.splitlines()
    ]
    [command] = [line for line in lines if line.startswith("make run APP=")]
    return command


@pytest.mark.slow
async def test_the_product_counts_by_http_and_by_sockets(
    make_product: Callable[..., Product], js: JsClients, port: int
) -> None:
    product = make_product(README)
    command = [*words_of(_command(), **product.variables), f"APP_VENV={product.environment}"]

    async with AsyncExitStack() as stack:
        serving = product.served(*command, folder=ROOT, port=port)
        url = await asyncio.to_thread(serving.__enter__)
        stack.push(serving.__exit__)

        browser = await js.browser(url)
        assert (await browser.fetch("POST", "/items")).json() == 1
        tabs = [await browser.connect(transport) for transport in Transport]
        assert await tabs[0].emit("add item") == 2
        assert (await browser.fetch("POST", "/items")).json() == 3
        for tab in tabs:
            await tab.wait_for("items", where=lambda event: event.args == (3,))
        stranger = await js.browser(url)
        assert (await stranger.fetch("POST", "/items")).json() == 1
