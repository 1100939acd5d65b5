"""Emitters of code outside of the app: they need neither FastAPI nor a server, nor an event loop."""

import json
import multiprocessing
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import redis

from app import EVERYBODY, BusUnavailableError, Emitter, SyncEmitter, Users, to_session
from app.realtime.addresses import address_of
from app.realtime.redis_keys import RedisKeys
from app.realtime.targets import Target
from tests.support.eventually import PATIENCE
from tests.support.processes import ROOT, free_port
from tests.support.servers import StoreServer

KEYS = RedisKeys()

IMPORTS = """
import sys
from app import EVERYBODY, Emitter, SyncEmitter, to_session, to_socket
Emitter.connect("redis://127.0.0.1:1")
SyncEmitter.connect("redis://127.0.0.1:1").close()
heavy = {"engineio", "fastapi", "socketio", "starlette", "uvicorn"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_a_worker_imports_neither_fastapi_nor_a_server() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def _messages(server: StoreServer) -> list[dict[str, Any]]:
    """Return what was sent to a node."""
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        entries = client.xread({KEYS.stream("node"): "0"}, count=1000)
    fields = [fields for _stream, found in entries for _offset, fields in found if "m" in fields]
    return [json.loads(each["m"]) for each in fields]


def test_a_task_without_an_event_loop_emits_in_order_from_any_thread(valkey: StoreServer) -> None:
    valkey.command("XADD", KEYS.stream("node"), "*", "o", "node")
    for key in (address_of(Target("room", "lobby"), "/"), "0" * 64):
        valkey.command("HSET", KEYS.sockets(key), "node", 1)
    with SyncEmitter.connect(valkey.url) as emitter:
        for number in range(3):
            emitter.emit("news", number, b"\x00", to="lobby")
        thread = threading.Thread(target=lambda: emitter.disconnect(to_session("0" * 64)))
        thread.start()
        thread.join()
    emitter.close()
    found = _messages(valkey)
    assert [each["kind"] for each in found] == ["event", "event", "event", "disconnect"]
    placeholder = '{"_placeholder":true,"num":0}'
    assert [each["body"] for each in found[:3]] == [
        [f'["news",{number},{placeholder}]', "AA=="] for number in range(3)
    ]


async def test_an_emitter_that_is_not_closed_is_warned_about(valkey: StoreServer) -> None:
    emitter = Emitter.connect(valkey.url)
    outside = emitter._outside
    await emitter.emit("news", to=EVERYBODY)
    with pytest.warns(ResourceWarning, match=r"unclosed .*ConnectedEmitter.*emitter\.aclose\(\)"):
        del emitter
    await outside.aclose()


def test_an_emitter_without_an_event_loop_that_is_not_closed_is_warned_about() -> None:
    emitter = SyncEmitter.connect(f"redis://127.0.0.1:{free_port()}")
    loop, thread = emitter._loop, emitter._thread
    with pytest.warns(ResourceWarning, match=r"unclosed .*SyncEmitter.*emitter\.close\(\)"):
        del emitter
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def test_what_was_closed_or_has_connected_to_nothing_goes_in_silence(
    valkey: StoreServer,
) -> None:
    unused, emitter = Emitter.connect(valkey.url), Emitter.connect(valkey.url)
    users = Users.connect(valkey.url)
    await emitter.emit("news", to=EVERYBODY)
    assert await users.end("ann") == 0
    for _ in range(2):
        await emitter.aclose()
        await users.aclose()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del unused, emitter, users
    assert warned == []


def test_several_threads_may_close_an_emitter_that_others_use(valkey: StoreServer) -> None:
    emitter, ended = SyncEmitter.connect(valkey.url), list[str]()

    def emit_on_and_on() -> None:
        while True:
            emitter.emit("news", to=EVERYBODY)

    def emit() -> None:
        with pytest.raises(RuntimeError, match="is closed"):
            emit_on_and_on()
        ended.append("emit")

    def close() -> None:
        emitter.close()
        assert not emitter._thread.is_alive()
        ended.append("close")

    threads = [threading.Thread(target=each, daemon=True) for each in [emit] * 3 + [close] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(ended) == ["close"] * 3 + ["emit"] * 3
    for verb in (partial(emitter.emit, "news"), emitter.disconnect):
        with pytest.raises(RuntimeError, match="is closed"):
            verb(to=EVERYBODY)


def test_an_emitter_that_was_made_before_a_fork_is_refused_and_stays_the_other_process_s(
    valkey: StoreServer,
) -> None:
    with SyncEmitter.connect(valkey.url) as emitter:
        emitter.emit("news", to=EVERYBODY)
        told = multiprocessing.get_context("fork").SimpleQueue()
        forked = multiprocessing.get_context("fork").Process(
            target=_use_after_a_fork, args=(emitter, told)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads that a fork leaves
            forked.start()
        forked.join(PATIENCE)
        forked.kill()
        assert forked.exitcode == 0
        assert "was made before the process has forked" in told.get()
        emitter.emit("news", to=EVERYBODY)


def _use_after_a_fork(emitter: SyncEmitter, told: Any) -> None:
    try:
        emitter.emit("news", to=EVERYBODY)
    except RuntimeError as error:
        told.put(str(error))
    emitter.close()


async def test_what_the_bus_does_not_take_is_an_error_within_two_seconds() -> None:
    async with Emitter.connect(f"redis://127.0.0.1:{free_port()}") as emitter:
        with pytest.raises(BusUnavailableError):
            await emitter.emit("news", to=EVERYBODY)
        with pytest.raises(ValueError, match="library's own"):
            await emitter.emit("connect", to=EVERYBODY)
        with pytest.raises(TypeError, match="publishes no state"):
            await emitter.publish("news", 1, session=None)  # type: ignore[arg-type] # it has none


def test_a_url_that_cannot_be_used_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="redis://"):
        Emitter.connect("http://nowhere")


async def test_a_namespace_that_no_app_can_have_is_refused_by_every_verb(
    valkey: StoreServer,
) -> None:
    """What is sent there would reach nobody."""

    async def source() -> AsyncIterator[str]:
        yield "a word"

    async with Emitter.connect(valkey.url) as emitter:
        for verb in (
            emitter.emit("news", to=EVERYBODY, namespace="admin"),
            emitter.join("lobby", "other", namespace="admin"),
            emitter.leave("lobby", "other", namespace="admin"),
            emitter.count("lobby", namespace="admin"),
            emitter.disconnect("lobby", namespace="admin"),
            emitter.stream("news", source(), to=to_session("key"), namespace="admin"),
        ):
            with pytest.raises(ValueError, match="'admin' is no namespace"):
                await verb


async def test_what_is_no_name_of_a_room_is_refused_before_the_nodes_drop_it(
    valkey: StoreServer,
) -> None:
    room: Any = 7
    async with Emitter.connect(valkey.url) as emitter:
        for move in (emitter.join, emitter.leave):
            with pytest.raises(TypeError, match="the name of a room is a string, not 7"):
                await move(to_session("key"), room)
