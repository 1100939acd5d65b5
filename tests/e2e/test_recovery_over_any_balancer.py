"""P19 and P22 together: a client whose polls are carried comes back to nodes that carry them as well."""

import json
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.recovery.world import PRODUCT
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.raw import RawPolling
from tests.support.round_robin import in_turn, polling_over
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

TOKEN = "x-session-token"


class Returning:
    """What a client keeps of the connection before."""

    def __init__(self) -> None:
        self.auth: dict[str, str] = {}
        self.numbers: list[int] = []
        self.recovered = False

    async def connect(self, raw: RawPolling) -> None:
        """Connect to the namespace, by polls that arrive anywhere."""
        await raw.post(f"40{json.dumps(self.auth)}")
        answer = json.loads((await raw.receive_until("40"))[2:])
        self.recovered = answer["pid"] == self.auth.get("pid")
        self.auth["pid"] = answer["pid"]

    async def read(self, raw: RawPolling, up_to: int) -> None:
        """Read messages up to a number."""
        while not self.numbers or self.numbers[-1] < up_to:
            packet = await raw.receive_until('42["said"')
            _name, _source, number, offset = json.loads(packet[2:])
            self.numbers.append(number)
            self.auth["offset"] = offset


async def send(node: Service, *numbers: int) -> None:
    async with http_client(node.url, jarless=True) as http:
        for number in numbers:
            message = {"space": "room", "name": "lobby", "source": "x", "number": number}
            assert (await http.post("/send", json=message)).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    ("tokens", "fast_paths", "end", "prefix"),
    [
        (False, "auto", "killed", "mooring"),
        (False, "off", "stopped", "shop:eu"),
        (True, "auto", "stopped", "mooring"),
    ],
)
async def test_a_client_whose_polls_are_carried_is_recovered(
    own_store_server: StoreServer, tokens: bool, fast_paths: str, end: str, prefix: str
) -> None:
    settings: dict[str, Any] = {
        "app": PRODUCT,
        **server_settings(own_store_server),
        "fast_paths": fast_paths,
        "redis_prefix": prefix,
        "session_tokens": str(tokens).lower(),
    }
    me = Returning()
    with ExitStack() as stack:
        nodes = [stack.enter_context(service(**settings)) for _ in range(3)]
        first, *others = nodes
        headers = {}
        async with http_client(first.url, jarless=True) as http:
            asked = {TOKEN: ""} if tokens else {}
            login = await http.post("/login", json={"user": "ann"}, headers=asked)
            if tokens:
                headers = {TOKEN: login.headers[TOKEN]}
            else:
                headers = {"cookie": login.headers["set-cookie"].partition(";")[0]}
        turns = [first]

        def choose(_request: httpx.Request) -> str:
            turns.append(turns.pop(0))
            return turns[-1].url

        async with polling_over(choose, first.url, jarless=True, leave=False) as raw:
            raw.client.headers.update(headers)
            await raw.open()
            turns[:] = [others[0], others[1], first]
            await me.connect(raw)
            await raw.emit("enter", "lobby", ack=1)
            await raw.receive_until("431")
            await send(others[0], 1)
            await send(first, 2)
            await me.read(raw, 2)
            if end == "killed":
                first.kill()
            else:
                first.terminate()
            turns[:] = others
            await send(others[0], 3)

            async def is_refused() -> bool:
                return (await raw.poll()).status_code == httpx.codes.BAD_REQUEST

            await eventually(is_refused, within=12.0)
        await send(others[1], 4)
        async with polling_over(
            in_turn([each.url for each in others]), others[0].url, jarless=True, leave=False
        ) as raw:
            raw.client.headers.update(headers)
            await raw.open()
            await me.connect(raw)
            assert me.recovered
            await send(others[0], 5)
            await me.read(raw, 5)
            assert sorted(me.numbers) == [1, 2, 3, 4, 5]
