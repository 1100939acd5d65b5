"""An app of all that makes a node hold something for a client, with a route that counts what it holds."""

import asyncio
import ctypes
import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from functools import _lru_cache_wrapper
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, HTTPException

from app import (
    EmitterDep,
    EventRouter,
    Mooring,
    SessionDep,
    Settings,
    SocketDep,
    UserDep,
    UsersDep,
    idempotent,
    to_socket,
)
from tests.soak.kept import kept

app = FastAPI()
mooring = Mooring(
    app,
    Settings.with_defaults(
        # Short, as are the lives of sessions, so that a run of minutes sees the end of all that there is.
        session_unused_timeout=10,
        recovery_window=20,
        ping_interval=5,
        ping_timeout=5,
        max_body_bytes=100_000,
    ),
)
events = EventRouter(recovery=True)
events.sends("said", str, description="What somebody says in a room.")
events.sends("told", str, stream=True, description="A long answer.")


def add_one(data: dict[str, Any]) -> int:
    """Count."""
    data["count"] = data.get("count", 0) + 1
    count: int = data["count"]
    return count


@app.post("/login")
async def login(session: SessionDep, user: Annotated[str, Body(embed=True)]) -> None:
    """Sign in."""
    await session.sign_in(user, label="a soak")


@app.post("/incr")
async def incr(session: SessionDep) -> int:
    """Count by HTTP."""
    return await session.transact(add_one)


@app.post("/buy", dependencies=[Depends(idempotent)])
async def buy(session: SessionDep) -> int:
    """Count once for a key."""
    return await session.transact(add_one)


@app.post("/ask/{sid}")
async def ask(sid: str, emitter: EmitterDep) -> Any:
    """Ask a socket."""
    try:
        return await emitter.call("question", 6, to=to_socket(sid), timeout=20)
    except TimeoutError as error:  # it has gone
        raise HTTPException(504, str(error)) from error


@app.post("/end")
async def end(user: UserDep, users: UsersDep) -> int:
    """End the user everywhere."""
    return await users.end(user)


@app.get("/held")
async def held(*, collect: bool = False) -> dict[str, int]:
    """Count what this process holds, without what caches of a limited size do: they fill for an hour."""
    for each in _caches:
        each.cache_clear()
    if collect:
        gc.collect()
    return {
        "tasks": len(asyncio.all_tasks()),
        "blocks": sys.getallocatedblocks(),
        "traced": tracemalloc.is_tracing(),
    }


@app.get("/kept")
async def kept_entries() -> dict[str, int]:
    """Count what objects keep in containers, by type and attribute."""
    return kept()


@app.get("/tasks")
async def tasks() -> dict[str, int]:
    """Count tasks by what they run, for whoever looks for a leak."""
    names = (getattr(each.get_coro(), "__qualname__", "?") for each in asyncio.all_tasks())
    return dict(Counter(names).most_common())


@app.post("/trim")
async def trim() -> bool:
    """Give back to the system what malloc holds of memory that is free; tell whether there was any."""
    return bool(ctypes.CDLL("libc.so.6").malloc_trim(0))


@app.get("/objects")
async def objects() -> dict[str, int]:
    """Count objects by type, for whoever looks for a leak."""
    gc.collect()
    names = (_name(type(each)) for each in gc.get_objects())
    return dict(Counter(names).most_common(60))


@app.get("/referents")
async def referents() -> dict[str, int]:
    """Count what containers refer to by both types, strings and numbers too, for whoever looks for a leak."""
    found = Counter[tuple[type, type]]()
    for owner in gc.get_objects():
        for each in gc.get_referents(owner):
            found[type(owner), type(each)] += 1
    named = (
        ((_name(owner), _name(each)), number) for (owner, each), number in found.most_common(150)
    )
    return {f"{owner} > {each}": number for (owner, each), number in named}


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@app.post("/trace")
async def trace() -> None:
    """Trace allocations from now on."""
    tracemalloc.start(8)


@app.get("/traced")
async def traced() -> list[str]:
    """Return where the most memory was allocated since the trace began."""
    gc.collect()
    found = tracemalloc.take_snapshot().statistics("traceback")[:15]
    return [
        f"{each.size} B in {each.count}: {' < '.join(map(str, each.traceback))}" for each in found
    ]


app.include_router(mooring.session_router(view=False))
app.include_router(mooring.devices_router())
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())


@events.on_connect
async def connect(socket: SocketDep, user: UserDep) -> None:
    """Let in who is signed in."""


@events.on("incr")
async def incr_by_socket(session: SessionDep) -> int:
    """Count by a socket."""
    return await session.transact(add_one)


@events.on("pay", once=True)
async def pay(session: SessionDep) -> int:
    """Count once for an id."""
    return await session.transact(add_one)


@events.on("enter", limit="1000/minute")
async def enter(room: str, socket: SocketDep) -> None:
    """Enter a room."""
    await socket.join(room)


@events.on("say")
async def say(room: str, line: str, socket: SocketDep) -> None:
    """Say something in a room."""
    await socket.emit("said", line, to=room)


@events.on("tell")
async def tell(socket: SocketDep, session: SessionDep, emitter: EmitterDep) -> None:
    """Send a long answer to all sockets of the session."""
    await emitter.stream("told", _lines(), to=session)


async def _lines() -> AsyncIterator[str]:
    for number in range(10):
        yield f"line {number} "
        await asyncio.sleep(0.05)


mooring.include_router(events)


def _limited_caches() -> "list[_lru_cache_wrapper[object]]":
    """Return the caches of the package that have a limit; what grows in one without is to be seen.

    They are looked for now, of what the process that has forked this one froze, too: the server freezes
    what there is when it starts, and no collector finds it then.
    """
    gc.unfreeze()
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, _lru_cache_wrapper)
        and each.__module__.startswith("app.")
        and each.cache_parameters()["maxsize"] is not None
    ]


_caches = _limited_caches()
