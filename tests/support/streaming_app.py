"""The service with routes that stream: python -m tests.support.streaming_app.

A source is either counted out, or fed item by item by the test. What has become of each is told by
`GET /sources/{name}`.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from app import EmitterDep, EventError, EventRouter, SessionDep, UsersDep, to_user
from app.__main__ import main
from tests.support.app_under_test import extend

routes = APIRouter()
events = EventRouter()

Item = int | str | dict[str, Any]

events.sends("tokens", Item, description="An answer, in parts.", stream=True)

END = "end"
BREAK = "break"
REFUSE = "refuse"


@dataclass
class Source:
    """What has become of a source."""

    pulled: int = 0
    closed: bool = False
    outcome: str = ""
    feed: asyncio.Queue[list[Any]] = field(default_factory=asyncio.Queue)


sources: defaultdict[str, Source] = defaultdict(Source)


async def counted(source: Source, count: int, size: int, pause: float) -> AsyncIterator[Item]:
    """Give so many items of a size, with a pause between them."""
    try:
        for number in range(count):
            if pause:
                await asyncio.sleep(pause)
            source.pulled += 1
            yield {"number": number, "text": "x" * size} if size else number
    finally:
        source.closed = True


async def fed(source: Source) -> AsyncIterator[Item]:
    """Give what the test feeds."""
    try:
        while True:
            for item in await source.feed.get():
                if item == END:
                    return
                if item == BREAK:
                    raise RuntimeError("a source that breaks on purpose")
                if item == REFUSE:
                    raise EventError("too-long", "the answer is too long", limit=3)
                source.pulled += 1
                yield item
    finally:
        source.closed = True


@routes.post("/count-out/{name}")
async def count_out(
    name: str,
    session: SessionDep,
    emitter: EmitterDep,
    count: int,
    size: int = 0,
    pause: float = 0.0,
    user: str | None = None,
) -> str | None:
    """Stream so many items to the session, or to a user."""
    source = counted(sources[name], count, size, pause)
    return await _stream(name, source, session, emitter, user)


@routes.post("/fed/{name}")
async def stream_fed(
    name: str, session: SessionDep, emitter: EmitterDep, user: str | None = None
) -> str | None:
    """Stream what is fed to the session, or to a user."""
    return await _stream(name, fed(sources[name]), session, emitter, user)


@routes.post("/feed/{name}")
async def feed(name: str, items: list[Any]) -> None:
    """Feed a source."""
    sources[name].feed.put_nowait(items)


@routes.get("/sources/{name}")
async def source(name: str) -> dict[str, Any]:
    """Say what has become of a source."""
    found = sources[name]
    return {"pulled": found.pulled, "closed": found.closed, "outcome": found.outcome}


@routes.post("/begin/{name}")
async def begin(
    name: str, session: SessionDep, emitter: EmitterDep, user: str | None = None
) -> None:
    """Stream what is fed in a task of its own."""
    running[name] = asyncio.create_task(_stream(name, fed(sources[name]), session, emitter, user))


@routes.post("/call-off/{name}")
async def call_off(name: str) -> None:
    """Cancel such a task."""
    running[name].cancel()


@routes.get("/key")
async def key(session: SessionDep) -> str:
    """Give the key of this session."""
    return session.key


@routes.post("/sign-in/{user}")
async def sign_in(user: str, session: SessionDep) -> None:
    """Sign in, without a password."""
    await session.sign_in(user)


@routes.post("/end/{user}")
async def end(user: str, users: UsersDep) -> int:
    """End all sessions of a user."""
    return await users.end(user)


running: dict[str, asyncio.Task[Any]] = {}


async def _stream(
    name: str,
    source: AsyncIterator[Item],
    session: SessionDep,
    emitter: EmitterDep,
    user: str | None,
) -> str | None:
    to = session if user is None else to_user(user)
    try:
        ended = await emitter.stream("tokens", source, to=to, id=name)
    except BaseException as error:
        sources[name].outcome = f"{type(error).__name__}: {error}"
        if isinstance(error, RuntimeError | EventError):
            return None  # it is told by the outcome, without a traceback in the log
        raise
    sources[name].outcome = str(ended)
    return ended


if __name__ == "__main__":
    extend(routes, events)
    sys.exit(main())
