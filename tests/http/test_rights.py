"""/readyz proves the rights that are needed, and names the one that is missing."""

from pathlib import Path

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.processes import ROOT
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import StoreSettings, server_settings

OPERATIONS = ROOT / "docs" / "operations.md"
USER, PASSWORD = "mooring", "a/password:of@tests"


def documented_rules(path: Path = OPERATIONS) -> list[str]:
    """The rules of the user in docs/operations.md, behind its name and password."""
    [line] = [each for each in path.read_text().splitlines() if each.startswith("ACL SETUSER")]
    return line.split()[5:]


def as_user(server: StoreServer, *rules: str) -> StoreSettings:
    """Make a user with these rules, and nothing else; the settings of a node that is this user."""
    server.command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", *rules)
    url = f"redis://{USER}:{PASSWORD}@127.0.0.1:{server.port}/0"
    return server_settings(server) | {"redis_url": url}


async def test_the_documented_user_is_enough_for_everything(
    js: JsClients, own_store_server: StoreServer
) -> None:
    settings = as_user(own_store_server, *documented_rules())
    async with service(**settings) as one, service(**settings) as other:
        browser = await js.browser(one.url)
        assert (await browser.fetch("GET", "/readyz")).status == 200
        assert (await browser.fetch("POST", "/incr")).json() == 1
        sockets = [
            await browser.connect(transport, url=node.url)
            for transport in Transport
            for node in (one, other)
        ]
        for count, socket in enumerate(sockets, 2):
            assert await socket.emit("incr") == count
        assert (await browser.fetch("POST", "/session/rotate")).status == 204
        for node in (one, other):

            async def all_are_back(url: str = node.url) -> bool:
                answer = await browser.fetch("GET", f"{url}/session")
                return bool(answer.json()["sockets"] == len(sockets))

            await eventually(all_are_back, within=10.0)
        assert (await browser.fetch("POST", "/logout")).status == 204
        for socket in sockets:
            await socket.wait_for("disconnect", where=lambda e: e.args[0] == "io server disconnect")
        assert (await browser.fetch("GET", "/readyz")).status == 200
        assert "NOPERM" not in one.log() + other.log()
        assert "ACL" not in one.log() + other.log()


MISSING = {
    "scripting": (["~mooring:*", "&mooring:*", "+@all", "-@scripting"], "eval"),
    "streams": (["~mooring:*", "&mooring:*", "+@all", "-@stream"], "x"),
    "channels": (["~mooring:*", "resetchannels", "+@all"], "channel"),
    "keys": (["~other:*", "&mooring:*", "+@all"], "key"),
    "one command in scripts": (["~mooring:*", "&mooring:*", "+@all", "-pexpireat"], "pexpireat"),
    "sets": (["~mooring:*", "&mooring:*", "+@all", "-srandmember"], "srandmember"),
    "subscriptions": (["~mooring:*", "&mooring:*", "+@all", "-subscribe"], "subscribe"),
}


@pytest.mark.parametrize("missing", MISSING)
async def test_a_right_that_is_missing_is_named(
    own_store_server: StoreServer, missing: str
) -> None:
    rules, named = MISSING[missing]
    settings = as_user(own_store_server, *rules)
    async with service(**settings) as node, http_client(node.url) as client:

        async def says_so() -> bool:
            answer = await client.get("/readyz")
            return (
                problem(answer) == (503, "store-unavailable")
                and named in answer.json()["detail"].lower()
            )

        await eventually(says_so)
        assert (await client.get("/healthz")).status_code == 200
        await eventually(lambda: "redis refuses commands: " in node.log())
        own_store_server.command("ACL", "SETUSER", USER, *documented_rules())

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(is_ready)
