"""A token in the CONNECT packet: the end of its session at each moment of the move, and the limit."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.realtime.service import RealtimeService
from app.sessions import CookieSigner, EndReason, MemoryStore, Session, SessionManager
from tests.realtime.in_process import POLICY, SessionLayer, new_service
from tests.support.hooked_store import HookedStore

SIGNER = CookieSigner(["x" * 32])


@asynccontextmanager
async def _running(manager: SessionManager, **options: Any) -> AsyncIterator[RealtimeService]:
    service = new_service(manager=manager, verify_token=SIGNER.verify, **options)
    service.start()
    yield service
    await service.aclose()


async def _connect(service: RealtimeService, manager: SessionManager, token: str) -> list[str]:
    """Return the packets that answer a CONNECT with a token, up to the CLOSE if there is one."""
    transport = httpx.ASGITransport(SessionLayer(service, manager))
    async with httpx.AsyncClient(transport=transport, base_url="http://mooring.test") as http:
        path = "/socket.io/?EIO=4&transport=polling"
        path += f"&sid={json.loads((await http.get(path)).text[1:])['sid']}"
        await http.post(path, content="40" + json.dumps({"token": token}))
        packets: list[str] = []
        while not packets or (not service.registry and packets[-1] != "1"):
            packets += (await http.get(path)).text.split("\x1e")
        return packets


async def _session(manager: SessionManager) -> tuple[Session, str]:
    session = await manager.create()
    assert session.id is not None
    return session, SIGNER.sign(session.id)


@pytest.mark.parametrize("loads", [1, 2])
async def test_an_end_on_another_node_amid_the_connect_finds_the_socket(loads: int) -> None:
    store = HookedStore(MemoryStore())
    manager = SessionManager(store, POLICY)
    session, token = await _session(manager)
    left = loads

    async def end() -> None:
        nonlocal left
        left -= 1
        if left:
            store.before("load", end)
        else:  # without a word to this node
            await store.inner.end(session.key, EndReason.LOGOUT, keep=60.0)

    store.before("load", end)
    async with _running(manager) as service:
        packets = await _connect(service, manager, token)

    if loads == 1:
        assert json.loads(packets[0][2:])["data"]["type"] == "session-ended"
    else:  # it was in time for the token, and is disconnected as any
        assert packets[0].startswith("40")
        assert packets[1:] == ['42["session ended",{"reason":"logout"}]', "41", "1"]


async def test_a_session_has_so_many_sockets_and_no_more_by_tokens_either() -> None:
    manager = SessionManager(MemoryStore(), POLICY)
    session, token = await _session(manager)
    async with _running(manager, max_sockets=1) as service:
        await _connect(service, manager, token)
        assert service.registry.connected(session.key) == 1

        [refused] = await _connect(service, manager, token)

        assert json.loads(refused[2:])["data"]["type"] == "too-many-sockets"
        assert service.registry.connected(session.key) == 1
