"""A client without a jar that is refused: it waits longer each time, and no try leaves a session."""

from itertools import pairwise

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.metrics import store_calls
from tests.support.service import Service

FOREIGN = {"origin": "https://evil.test"}
BACK_OFF = {"reconnectionDelay": 100, "reconnectionDelayMax": 5000, "randomizationFactor": 0}


async def test_it_backs_off_and_leaves_no_session(
    js: JsClients, quiet_node: Service, transport: Transport
) -> None:
    async with http_client(quiet_node.url) as observer:
        before = await store_calls(observer)
        browser = await js.browser(quiet_node.url)
        client = await browser.connect(
            transport, headers=FOREIGN, options=BACK_OFF, jarless=True, wait=False
        )

        await eventually(lambda: len(client.named("reconnect_attempt")) == 4, within=10.0)

        times = [each.at for each in client.named("reconnect_attempt")]
        waits = [later - earlier for earlier, later in pairwise(times)]
        assert all(later > earlier for earlier, later in pairwise(waits)), waits
        assert not client.named("open")
        assert (await store_calls(observer))["create"] == before["create"]
