"""Hooks for the life of sessions: each called once where it belongs, and harmless if it fails."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from app import Emitter, EventRouter, Mooring, Session, Settings, Socket, SocketDep
from app.sessions import EndReason
from tests.realtime.two_nodes import cluster
from tests.support.eventually import eventually, stays


async def test_each_end_is_seen_once_whatever_nodes_have_its_sockets() -> None:
    router = EventRouter()
    ended: list[Any] = []
    router.session_hooks.add_ended(ended.append)

    def with_data(session: Session, reason: EndReason, key: str) -> None:
        ended.append((dict(session), reason, key))

    router.session_hooks.add_ended(with_data)
    async with cluster(router, 2) as nodes, nodes.client(0) as here, nodes.client(1) as there:
        await here.join()
        await there.join()
        session = await nodes.session()
        await session.transact(lambda data: data.update(cart=["rope"]))
        await nodes.managers[0].ends.end(session.key, EndReason.REVOKED)
        await nodes.managers[1].ends.end(session.key, EndReason.REVOKED)
        expected = [EndReason.REVOKED, ({"cart": ["rope"]}, EndReason.REVOKED, session.key)]
        await eventually(lambda: sorted(ended, key=str) == sorted(expected, key=str))
        await stays(lambda: len(ended) == 2, during=0.1)


async def test_an_expired_session_is_seen_by_the_node_that_has_its_sockets() -> None:
    router = EventRouter()
    ended: list[EndReason] = []
    router.session_hooks.add_ended(ended.append)
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
        session = await nodes.session()
        await nodes.store.delete(session.key)
        for _ in range(2):
            await nodes.nodes[0].reconciler.reconcile([session.key])
        await eventually(lambda: ended == [EndReason.EXPIRED])


async def test_a_new_session_is_seen_once_and_may_be_written_to(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = EventRouter()
    created: list[str] = []

    async def greet(session: Session) -> None:
        created.append(session.key)
        session["greeted"] = True

    def fail(session: Session) -> None:
        raise RuntimeError("on purpose")

    router.session_hooks.add_created(fail)
    router.session_hooks.add_created(greet)
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()

        async def is_greeted() -> bool:
            return (await nodes.session()).get("greeted") is True

        await eventually(is_greeted)
        assert created == [(await nodes.session()).key]
        await eventually(lambda: "a hook for the life of sessions failed" in caplog.text)


async def test_a_change_is_seen_for_each_socket_on_its_node() -> None:
    router = EventRouter()
    seen: list[tuple[str, Any]] = []

    async def changed(socket: Socket, role: str | None, emitter: Emitter) -> None:
        seen.append((socket.sid, role))
        await socket.emit("role", role)
        if role == "fail":
            raise RuntimeError("on purpose")

    router.session_hooks.add_changed("role", changed)

    @router.on("become")
    async def become(socket: SocketDep, role: str) -> None:
        socket.session["role"] = role

    async with cluster(router, 2) as nodes, nodes.client(0) as here, nodes.client(1) as there:
        await here.join()
        await there.join()
        sids = {here.sids["/"], there.sids["/"]}
        session = await nodes.session()
        await session.transact(lambda data: data.update(other=1))
        for role in ("admin", "fail", None):
            seen.clear()
            await session.transact(lambda data, role=role: data.update(role=role))  # type: ignore[misc] # a default is its own
            await eventually(lambda: len(seen) == 2)
            assert {sid for sid, _ in seen} == sids
            assert {value for _, value in seen} == {role}
            assert await here.event() == await there.event() == ["role", role]
        await there.emit("become", "guest")
        assert await here.event() == await there.event() == ["role", "guest"]
        await stays(lambda: len(seen) == 4, during=0.1)


async def test_a_slow_function_is_called_with_the_last_of_many_changes() -> None:
    router = EventRouter()
    goes_on = asyncio.Event()
    seen: list[tuple[str, Any]] = []

    async def step(value: int) -> None:
        seen.append(("step", value))
        await goes_on.wait()

    async def role(value: str) -> None:
        seen.append(("role", value))

    router.session_hooks.add_changed("step", step)
    router.session_hooks.add_changed("role", role)
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
        session = await nodes.session()
        sockets: Any = nodes.nodes[0].registry.session_sockets(session.key)
        await session.transact(lambda data: data.update(step=0))
        await eventually(lambda: seen == [("step", 0)])
        await session.transact(lambda data: data.update(role="admin"))
        for value in range(1, 1100):
            await session.transact(lambda data, value=value: data.update(step=value))  # type: ignore[misc] # a default is its own
            await eventually(lambda value=value: sockets.watched["step"] == value, every=0)  # type: ignore[misc] # likewise
        goes_on.set()
        await eventually(lambda: len(seen) > 2)
        await stays(lambda: sorted(seen[1:]) == [("role", "admin"), ("step", 1099)], during=0.1)


def test_an_app_declares_them_and_what_does_not_fit_is_refused() -> None:
    mooring = Mooring(FastAPI(), Settings(_env_file=None))

    @mooring.on_session_created
    async def created(session: Session) -> None: ...

    @mooring.on_session_ended
    def ended(reason: EndReason) -> None: ...

    @mooring.on_session_ended
    def ended_with_session(session, why) -> None: ...  # type: ignore[no-untyped-def] # as it may be

    @mooring.on_session_changed("role")
    async def changed(socket: SocketDep, role: str) -> None: ...

    async def two(session: Session, more: int) -> None: ...

    with pytest.raises(TypeError, match=r"two: it may take session and no more.*line \d+"):
        mooring.on_session_created(two)
    with pytest.raises(TypeError, match=r"four: .*line \d+"):

        @mooring.on_session_ended
        def four(one: int, two: int, three: int, four: int) -> None: ...
