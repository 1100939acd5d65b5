"""Namespaces: hooks, middleware, dependencies, sockets and rooms of each, over one connection."""

import asyncio
import json
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import Depends, HTTPException
from pydantic import BaseModel

from app import (
    EVERYBODY,
    EmitterDep,
    EventError,
    EventRouter,
    SessionDep,
    Socket,
    SocketDep,
    to_session,
    to_socket,
)
from app.realtime.bus.base import BusUnavailableError, MemoryBus
from app.realtime.handlers import Event
from app.sessions import EndReason
from tests.realtime.two_nodes import Cluster, cluster
from tests.support.eventually import eventually


class Auth(BaseModel):
    """What a client says of itself."""

    token: str = "none"


async def test_each_namespace_has_hooks_dependencies_and_events_of_its_own() -> None:  # noqa: C901 - handlers
    seen: list[Any] = []

    async def guard(session: SessionDep) -> None:
        if not session.get("admin"):
            raise HTTPException(403, "for admins")

    root = EventRouter()
    admin = EventRouter(namespace="/admin", dependencies=[Depends(guard)])
    more = EventRouter(namespace="/admin")

    @root.on("become")
    async def become(session: SessionDep, admin: bool) -> None:
        session["admin"] = admin

    @root.on_connect
    async def enter(socket, auth: Auth) -> None:  # type: ignore[no-untyped-def] # as a first parameter may be
        seen.append(("/", auth.token))
        await socket.emit("hello", socket.sid)

    @admin.on_disconnect
    def leave(socket: SocketDep, reason: str) -> None:
        seen.append((socket.namespace, reason))

    @admin.on("ping")
    async def ping() -> str:
        return "admin pong"

    @more.on("whoami")
    async def whoami(socket: Socket) -> list[Any]:
        return [socket.namespace, socket.client is not None, socket.connected]

    for router in (admin, more):
        root.include_router(router)

    async with cluster(root) as nodes, nodes.client() as client:
        assert await client.join("/nowhere") == '{"message":"Invalid namespace"}'
        answer = await client.join("/", {"token": "x"})
        assert answer.startswith('{"sid":')
        assert await client.event() == ["hello", client.sids["/"]]
        refused = await client.join("/admin")
        assert refused == (
            '{"message":"for admins","data":{"type":"forbidden","detail":"for admins"}}'
        )
        await client.emit("become", True)
        await client.join("/admin")
        assert client.sids["/"] != client.sids["/admin"]
        assert await client.emit("ping", namespace="/admin") == "admin pong"
        assert await client.emit("whoami", namespace="/admin") == ["/admin", True, True]
        unknown = await client.emit("ping")
        assert unknown["error"]["type"] == "unknown-event"
        await client.emit("become", False)
        lost = await client.emit("ping", namespace="/admin")
        assert lost == {"error": {"type": "forbidden", "detail": "for admins"}}
        await client.post("41/admin,")
        await eventually(lambda: seen == [("/", "x"), ("/admin", "client disconnect")])
        assert await client.emit("become", False) == []


async def test_a_connect_that_is_refused_leaves_nothing() -> None:
    router = EventRouter()

    @router.on_connect
    async def enter(socket: SocketDep, auth: Auth) -> None:
        await socket.join("lobby")
        await socket.emit("hello")
        if auth.token == "fail":
            raise RuntimeError("on purpose")
        if auth.token != "good":
            raise EventError("banned", "not you", until=[1])

    async with cluster(router) as nodes, nodes.client() as client:
        refused = await client.join("/", {"token": "bad"})
        assert refused == (
            '{"message":"not you","data":{"until":[1],"type":"banned","detail":"not you"}}'
        )
        assert '"type":"internal-error"' in await client.join("/", {"token": "fail"})
        assert '"type":"invalid-payload"' in await client.join("/", {"token": 5})
        [node] = nodes.nodes
        assert len(node.messenger.rooms) == 0
        assert node.registry._members == {}
        assert (await client.join("/", {"token": "good"})).startswith('{"sid"')
        assert await client.event() == ["hello"]
        assert len(node.messenger.rooms) == 1


@pytest.mark.parametrize("of", ["its own", "the router around it"])
async def test_a_router_s_dependencies_let_in_to_its_connect_hooks_and_events(of: str) -> None:
    seen: list[str] = []

    async def guard(session: SessionDep) -> None:
        seen.append("guard")
        if not session.get("admin"):
            raise HTTPException(403, "for admins")

    guarded = [Depends(guard)]
    root = EventRouter()
    outer = EventRouter("/outer", dependencies=guarded if of != "its own" else [])
    admin = EventRouter(namespace="/admin", dependencies=guarded if of == "its own" else [])

    @root.on("become")
    async def become(session: SessionDep, admin: bool) -> None:
        session["admin"] = admin

    @admin.on_connect
    async def enter(socket: SocketDep) -> None:
        seen.append("entered")

    @admin.on("ping")
    async def ping() -> str:
        return "pong"

    outer.include_router(admin)
    root.include_router(outer)
    async with cluster(root) as nodes, nodes.client() as client:
        await client.join()
        assert '"type":"forbidden"' in await client.join("/admin")
        assert seen == ["guard"]
        await client.emit("become", True)
        await client.join("/admin")
        assert seen == ["guard", "guard", "entered"]
        assert await client.emit("ping", namespace="/admin") == "pong"
        await client.emit("become", False)
        lost = await client.emit("ping", namespace="/admin")
        assert lost["error"]["type"] == "forbidden"


async def test_an_object_as_detail_refuses_a_connect_with_a_message_that_clients_can_show() -> None:
    router, detail = EventRouter(), {"code": "out-of-tea"}

    @router.on_connect
    async def enter(socket: SocketDep) -> None:
        raise HTTPException(418, detail)

    async with cluster(router) as nodes, nodes.client() as client:
        refused = json.loads(await client.join())
    assert refused == {
        "message": "im-a-teapot",
        "data": {"type": "im-a-teapot", "detail": detail},
    }


async def test_a_default_of_auth_is_of_its_own_connect() -> None:
    router, seen = EventRouter(), []

    @router.on_connect
    async def enter(socket: SocketDep, auth: dict[str, str] = {}) -> None:  # noqa: B006 - which is the point
        seen.append({**auth})
        auth["sid"] = socket.sid

    async with cluster(router) as nodes:
        for _ in range(2):
            async with nodes.client() as client:
                await client.join()

    assert seen == [{}, {}]


async def test_the_end_of_a_session_closes_all_its_namespaces() -> None:
    reasons: list[str] = []
    root, admin = EventRouter(), EventRouter(namespace="/admin")
    for router in (root, admin):

        @router.on_disconnect
        async def leave(socket: SocketDep, reason: str) -> None:
            reasons.append(f"{socket.namespace} {reason}")

    root.include_router(admin)
    async with cluster(root) as nodes, nodes.client() as client:
        await client.join()
        await client.join("/admin")
        session = await nodes.session()
        await nodes.managers[0].ends.end(session.key, EndReason.LOGOUT)
        frames = await client.poll()
        assert frames == [
            '42["session ended",{"reason":"logout"}]',
            "41",
            '42/admin,["session ended",{"reason":"logout"}]',
            "41/admin,",
        ]
        await eventually(lambda: sorted(reasons) == ["/ logout", "/admin logout"])
        assert nodes.nodes[0].registry._members == {}


async def test_middleware_is_around_every_event_of_its_router() -> None:
    order: list[Any] = []
    router, other = EventRouter(), EventRouter()

    async def db() -> Any:
        order.append("dependency")
        yield
        order.append("left")

    @router.middleware
    async def outer(call_next: Any, socket: Socket, event: Event) -> Any:
        order.append(("outer", event, event.name, event.args, socket.namespace))
        if event == "forbidden":
            raise EventError("no", "not this one")
        return [await call_next(event)]

    @router.middleware
    async def inner(call_next: Any, _socket: Socket, event: Event) -> Any:
        return await call_next(Event(event, (event.args[0] + 1,)))

    @router.on("add")
    async def add(number: int, _db: Annotated[None, Depends(db, scope="request")]) -> int:
        order.append("handler")
        return number

    @router.on("forbidden")
    async def forbidden() -> None: ...

    @other.on("plain")
    async def plain(number: int) -> int:
        return number

    both = EventRouter()
    both.include_router(router)
    both.include_router(other)
    async with cluster(both) as nodes, nodes.client() as client:
        await client.join()
        assert await client.emit("add", 1) == [2]
        assert order == [("outer", "add", "add", (1,), "/"), "dependency", "handler", "left"]
        refused = await client.emit("forbidden")
        assert refused == {"error": {"type": "no", "detail": "not this one"}}
        assert await client.emit("plain", 1) == 1


def test_what_is_no_middleware_or_hook_is_refused_at_import() -> None:
    router = EventRouter()

    def plain(call_next: Any, socket: Any, event: Any) -> None: ...

    async def two(socket: SocketDep, auth: dict[str, Any], more: int) -> None: ...

    for declare, function in ((router.middleware, plain), (router.on_connect, two)):
        with pytest.raises(TypeError, match=rf"{function.__name__}: .*line \d+"):
            declare(function)
    for namespace in ("admin", "", "/a b", "/a,b", "//", "/a?b", "/" + "x" * 100):
        with pytest.raises(ValueError, match="is no namespace"):
            EventRouter(namespace)


async def test_rooms_sessions_sockets_and_everybody_over_two_nodes() -> None:  # noqa: C901 - handlers
    router = EventRouter()
    router.include_router(EventRouter(namespace="/admin"))

    @router.on("join")
    async def join(socket: SocketDep, room: str) -> list[str]:
        await socket.join(room)
        await socket.join(room)
        return sorted(socket.rooms)

    @router.on("leave")
    async def leave(socket: SocketDep, room: str) -> list[str]:
        await socket.leave(room)
        return sorted(socket.rooms)

    @router.on("say")
    async def say(socket: SocketDep, room: str | None, skip: bool) -> None:
        await socket.emit("said", to=room, skip_self=skip)

    async with (
        cluster(router, 2) as nodes,
        nodes.client(0) as here,
        nodes.client(1) as there,
    ):
        for client in (here, there):
            await client.join()
            await client.join("/admin")
        emitter = nodes.nodes[0].emitter
        session = await nodes.session()
        assert await here.emit("join", "lobby") == ["lobby"]
        assert await there.emit("join", "lobby") == ["lobby"]
        targets: list[tuple[Any, int]] = [
            ("lobby", 2),
            (session, 2),
            (to_session(session.key), 2),
            (EVERYBODY, 2),
            (to_socket(there.sids["/"]), 1),
        ]
        for to, expected in targets:
            await emitter.emit("news", str(to)[:10], to=to)
            assert (await there.event())[0] == "news"
            if expected == 2:
                assert (await here.event())[0] == "news"
        await emitter.emit("admin news", to=EVERYBODY, namespace="/admin")
        await emitter.emit("admin news", to=to_socket(there.sids["/admin"]))
        for frame in ("42/admin,", "42/admin,"):
            await there.next(lambda each, frame=frame: each.startswith(frame))
        assert await here.event() == ["admin news"]
        await emitter.emit("news", 1, to="lobby", skip_sid=there.sids["/"])
        assert await here.event() == ["news", 1]
        await here.emit("say", "lobby", True)
        assert await there.event() == ["said"]
        await here.emit("say", None, False)
        assert await here.event() == ["said"]
        for name in (session.key, there.sids["/"], "all", ""):
            await emitter.emit("nobody", to=name)
        await emitter.join(session, "cellar")
        await emitter.emit("deep", to="cellar")
        assert (await here.event(), await there.event()) == (["deep"], ["deep"])
        await emitter.leave(to_socket(there.sids["/"]), "cellar")
        await emitter.emit("deeper", to="cellar")
        await emitter.emit("last", to=EVERYBODY)
        assert (await here.event(), await there.event()) == (["deeper"], ["last"])
        assert await here.emit("leave", "lobby") == ["cellar"]

        with pytest.raises(ValueError, match="no namespace"):
            await emitter.emit("news", to="lobby", namespace="/nowhere")
        with pytest.raises(ValueError, match="library's own"):
            await emitter.emit("connect", to="lobby")
        wrong: Any = 5
        with pytest.raises(TypeError, match="to="):
            await emitter.emit("news", to=wrong)


@pytest.mark.parametrize(("name", "error"), [("disconnect", ValueError), (7, TypeError)])
async def test_what_is_no_name_of_an_event_is_not_published(
    name: Any, error: type[Exception]
) -> None:
    async with cluster(EventRouter()) as nodes, nodes.client() as client:
        await client.join()
        emitter, session = nodes.nodes[0].emitter, await nodes.session()
        with pytest.raises(error, match="event"):
            await emitter.publish(name, 1, session=session)
        await emitter.publish("said", 1, session=session)
        assert await client.event() == ["said", 1]


async def test_an_event_that_is_emitted_beside_its_namespace_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    root, admin = EventRouter(), EventRouter(namespace="/admin")
    admin.sends("kicked", str)
    root.include_router(admin)
    async with cluster(root) as nodes, nodes.client() as client:
        await client.join()
        emitter = nodes.nodes[0].emitter
        await emitter.emit("kicked", "bob", to="staff", namespace="/admin")
        await emitter.emit("undeclared", "bob", to="staff")
        await emitter.emit("kicked", "bob", to=to_socket(client.sids["/"]))
        assert "declared for" not in caplog.text
        for _ in "12":
            await emitter.emit("kicked", "bob", to="staff")
        assert caplog.text.count("'kicked' is declared for /admin, and is emitted to /:") == 1


@pytest.mark.parametrize("recovery", [False, True])
async def test_a_namespace_that_is_not_there_is_refused_by_every_verb(recovery: bool) -> None:
    async with cluster(EventRouter(recovery=recovery)) as nodes:
        emitter = nodes.nodes[0].emitter
        for verb in (
            emitter.emit("hello", to="room", namespace="/nowhere"),
            emitter.join("room", "other", namespace="/nowhere"),
            emitter.leave("room", "other", namespace="/nowhere"),
            emitter.count("room", namespace="/nowhere"),
            emitter.disconnect("room", namespace="/nowhere"),
            emitter.disconnect("room", namespace="/nowhere", reconnect=True),
        ):
            with pytest.raises(ValueError, match="there is no namespace '/nowhere'"):
                await verb


async def test_a_call_returns_the_ack_from_whichever_node() -> None:
    router = EventRouter()
    async with cluster(router, 2) as nodes, nodes.client(1) as client:
        await client.join()
        for node in nodes.nodes:
            call = asyncio.create_task(
                node.emitter.call("which", 1, to=to_socket(client.sids["/"]), timeout=5.0)
            )
            frame = await client.next(lambda frame: "which" in frame)
            number = frame[2 : frame.index("[")]
            await client.post(f"43{number}[7,8]")
            assert await call == (7, 8)
            with pytest.raises(TimeoutError):
                await node.emitter.call("silent", to=to_socket(client.sids["/"]), timeout=0.05)
        with pytest.raises(TimeoutError):
            await nodes.nodes[0].emitter.call("which", to=to_socket("nobody"), timeout=0.05)
        gone = asyncio.create_task(
            nodes.nodes[1].emitter.call("which", to=to_socket(client.sids["/"]), timeout=9.0)
        )
        await client.next(lambda frame: "which" in frame)
        await client.post("41")
        with pytest.raises(TimeoutError, match="gone"):
            await gone


class DeafBus(MemoryBus):
    """A bus that takes nothing while it is deaf, and says so at once."""

    def __init__(self) -> None:
        super().__init__(wait=0.05)
        self.deaf = False

    def join(self, node: str) -> None:
        super().join(node)
        self.alone = False

    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        if self.deaf:
            raise BusUnavailableError("deaf")
        await super().publish(node_id, sequence, payload)


async def test_an_emit_that_the_bus_does_not_take_raises_and_is_not_sent_later() -> None:
    bus = DeafBus()
    nodes = Cluster(EventRouter(), bus=bus)
    node = nodes.add("here")
    node.start()
    try:
        await node.emitter.emit("one", to="room")
        bus.deaf = True
        with pytest.raises(BusUnavailableError):
            await node.emitter.emit("two", to="room")
        await node.emitter.emit("three", to="room", wait=False)
        bus.deaf = False
        await eventually(lambda: b"three" in bus._entries[-1].payload)
        assert not any(b"two" in each.payload for each in bus._entries)
        await node.emitter.emit("four", to="room")
    finally:
        await node.aclose()


async def test_a_client_comes_back_after_a_connect_for_whose_handler_the_bus_was_down() -> None:
    router, bus = EventRouter(), DeafBus()

    @router.on_connect
    async def enter(socket: SocketDep) -> None:
        await socket.emit("somebody is here", to="lobby")

    nodes = Cluster(router, bus=bus)
    node = nodes.add("here")
    node.start()
    try:
        async with nodes.client() as client:
            bus.deaf = True
            await client.post("40")
            frames = await client.poll()
        assert frames[0] == "1", frames  # a refused connect is final to the JavaScript client
        bus.deaf = False
        async with nodes.client() as client:
            assert (await client.join()).startswith('{"sid"')
    finally:
        await node.aclose()


async def test_volatile_is_dropped_where_a_client_does_not_keep_up() -> None:
    router = EventRouter()
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
        emitter = nodes.nodes[0].emitter
        await emitter.emit("typing", to=EVERYBODY, volatile=True)
        assert await client.event() == ["typing"]
        await emitter.emit("much", "x" * 50_000, to=EVERYBODY)
        await emitter.emit("typing", to=EVERYBODY, volatile=True)
        await emitter.emit("last", to=EVERYBODY)
        assert (await client.event())[0] == "much"
        assert await client.event() == ["last"]


async def test_a_socket_is_disconnected_from_its_namespace_or_comes_back() -> None:
    reasons: list[str] = []
    root, admin = EventRouter(), EventRouter(namespace="/admin")

    @root.on("leave")
    async def leave(socket: SocketDep, emitter: EmitterDep, reconnect: bool) -> int:
        await socket.disconnect(reconnect)
        return await emitter.count(EVERYBODY)

    @root.on_disconnect
    async def left(reason: str) -> None:
        reasons.append(reason)

    root.include_router(admin)
    async with cluster(root) as nodes, nodes.client() as client:
        await client.join()
        await client.join("/admin")
        assert await client.emit("leave", False) == 0
        assert client.frames.count("41") == 1
        await client.join()
        await nodes.nodes[0].emitter.disconnect(EVERYBODY, reconnect=True)
        assert (await client.next(lambda frame: frame == "1")) == "1"
        await eventually(partial(len, reasons))
        await eventually(lambda: reasons == ["server disconnect", "server disconnect"])
    async with cluster(root) as nodes, nodes.client() as client:
        await client.join()
        await client.post('42["leave",true]')
        assert (await client.next(lambda frame: frame in ("1", "41"))) == "1"


async def test_a_disconnect_of_a_session_is_one_of_all_its_namespaces() -> None:
    root = EventRouter()
    root.include_router(EventRouter(namespace="/admin"))
    async with cluster(root, 2) as nodes, nodes.client(1) as client:
        await client.join()
        await client.join("/admin")
        await nodes.nodes[0].emitter.disconnect(await nodes.session())
        assert sorted([await client.next(lambda f: f[:2] == "41") for _ in "12"]) == [
            "41",
            "41/admin,",
        ]


async def test_bytes_are_bytes_in_state_of_another_node() -> None:
    router = EventRouter()
    router.sends("photo", bytes)
    async with cluster(router, 2) as nodes, nodes.client(1) as client:
        await client.join()
        session = await nodes.session()
        await nodes.nodes[0].emitter.publish("photo", b"\xff\x00", session=session)
        assert await client.next(lambda frame: frame.startswith("45")) == (
            '451-["photo",{"_placeholder":true,"num":0}]'
        )
        assert await client.next(lambda frame: frame.startswith("b")) == "b/wA="


async def test_a_socket_that_its_handler_disconnects_is_told_so_before_the_ack() -> None:
    router = EventRouter()

    @router.on("bye")
    async def bye(socket: SocketDep) -> str:
        await socket.emit("last words")
        await socket.disconnect()
        return "too late"

    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
        await client.post('427["bye"]')
        frames: list[str] = []
        async with asyncio.timeout(10.0):
            while not any(each.startswith("437") for each in frames):
                frames += await client.poll()
    assert [each[:2] for each in frames] == ["42", "41", "43"]
