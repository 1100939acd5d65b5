"""Events that cannot be handled: each gets an error ack, changes nothing, and the socket goes on."""

from typing import Any

import pytest

from tests.conftest import EXTENDED_APP
from tests.support.browsers import DriverError, JsClients, Transport
from tests.support.http import http_client
from tests.support.metrics import counted, store_calls
from tests.support.service import Service, service
from tests.support.stores import StoreSettings

UNKNOWN = ["no such event", "", "session ended", "current count", "incr ", "INCR", "é" * 1000, "*"]
TOO_MANY: list[tuple[Any, ...]] = [(1,), (None,), ("a", "b"), ({},), ([],)]
WRONG_TYPES: list[tuple[str, tuple[Any, ...]]] = [
    ("note", ()),
    ("note", ("7",)),
    ("note", (1.5,)),
    ("note", (None,)),
    ("note", ([1],)),
    ("note", (True,)),
    ("note", (1, 2)),
    ("held", ("gate", "no such act", "key")),
    ("wait", ({"name": "gate"},)),
]


async def test_an_unknown_event_is_refused_by_its_ack(
    js: JsClients, node: Service, transport: Transport
) -> None:
    socket = await js.connect(node.url, transport)

    for name in UNKNOWN:
        answer = await socket.emit(name, "any", {"argument": 1})
        assert answer["error"]["type"] == "unknown-event"
        assert len(answer["error"]["detail"]) < 200

    assert await socket.emit("incr") == 1
    assert socket.values("current count") == [1]


async def test_an_unknown_event_reads_and_writes_no_session(
    js: JsClients, quiet_node: Service
) -> None:
    socket = await js.connect(quiet_node.url)
    async with http_client(quiet_node.url) as observer:
        before = await store_calls(observer)
        for _ in range(10):
            await socket.emit("no such event")
        assert await store_calls(observer) == before
        outcomes = await counted(observer, "mooring_events_total", event="no such event")
        assert outcomes == 0, "names that clients make up are no labels"


async def test_arguments_that_do_not_fit_are_refused_and_change_nothing(
    js: JsClients, node: Service, transport: Transport
) -> None:
    browser = await js.browser(node.url)
    socket = await browser.connect(transport)

    for arguments in TOO_MANY:
        answer = await socket.emit("incr", *arguments)
        assert answer["error"]["type"] == "invalid-payload"
        assert "'incr' takes 0 arguments" in answer["error"]["detail"]

    assert (await browser.fetch("GET", "/session")).json()["count"] == 0
    assert socket.values("current count") == []
    assert await socket.emit("incr") == 1


async def test_arguments_of_wrong_types_are_refused_by_name_and_not_echoed(
    js: JsClients, extended: Service
) -> None:
    browser = await js.browser(extended.url)
    socket = await browser.connect()

    for name, arguments in WRONG_TYPES:
        answer = await socket.emit(name, *arguments)
        assert answer["error"]["type"] == "invalid-payload", (name, arguments)
    secret = "a word that is nobody's business"
    assert secret not in str(await socket.emit("note", secret))

    assert (await browser.fetch("GET", "/data")).json() == {}
    assert await socket.emit("note", 7) == 7


async def test_a_refused_event_without_an_ack_is_no_harm(
    js: JsClients, node: Service, transport: Transport
) -> None:
    socket = await js.connect(node.url, transport)
    await socket.send("no such event")
    await socket.send("incr", "too", "many")

    assert await socket.emit("incr") == 1


@pytest.mark.parametrize("name", ["connect", "disconnect"])
async def test_the_client_itself_refuses_to_emit_a_reserved_name(
    js: JsClients, node: Service, name: str
) -> None:
    """So that only who does without the client gets as far as tests/realtime/test_bad_frames.py."""
    socket = await js.connect(node.url)
    with pytest.raises(DriverError, match="reserved"):
        await socket.emit(name)
    assert await socket.emit("incr") == 1


async def test_a_handler_that_breaks_is_our_fault_and_stores_nothing(
    js: JsClients, any_store: StoreSettings
) -> None:
    broken = service(module=EXTENDED_APP, traceback_ok=True, **any_store)
    async with js.on(broken) as node:
        browser = await js.browser(node.url)
        for socket in await browser.connect_on_all():
            answer = await socket.emit("write and fail", "a key")
            assert answer == {
                "error": {
                    "type": "internal-error",
                    "detail": "The error is in the server's log.",
                }
            }
            assert await socket.emit("peek") == {}
            assert socket.named("disconnect") == []
        assert (await browser.fetch("GET", "/data")).json() == {}
        assert node.log().count("RuntimeError: a handler that breaks on purpose") == 3
        assert node.log().count("the handler of event 'write and fail' failed") == 3
