"""What strangers write on the bus: nothing of it is executed, and nothing of it stops a node."""

from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.nodes import Pair

STREAM = "mooring:bus"
NO_MESSAGES = ("", "{", '{"kind": "tell"}', '{"kind": "exec", "body": {}}', "\xff")


async def test_what_is_no_message_is_skipped_and_the_next_one_is_heard(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    socket = await browser.connect(url=own_pair.there.url)
    for text in NO_MESSAGES:
        own_pair.server.command("XADD", STREAM, "*", "o", "stranger", "n", 0, "m", text)
    own_pair.server.command("XADD", STREAM, "*", "unknown", "field")

    await browser.fetch("POST", "/incr")

    await eventually(lambda: socket.values("current count") == [1])
    assert "does not parse" in own_pair.there.log()
