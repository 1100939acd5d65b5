"""What is watched ends with its session, whatever a read that was under way has found."""

import asyncio
from functools import partial

import pytest
from uvloop import new_event_loop

from app.sessions import (
    EndReason,
    LoadResult,
    MemoryStore,
    Policy,
    SessionManager,
    StoreUnavailableError,
)
from app.sessions.watch import SessionWatch
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore

LONG = 3600.0


class HoldingStore(HookedStore):
    """Holds the reply to the next read until it is released."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.reading: asyncio.Event | None = None
        self.released = asyncio.Event()

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        found = await super().load(key, idle=idle)
        if self.reading is not None and not self.reading.is_set():
            self.reading.set()
            await self.released.wait()
        return found


@pytest.mark.parametrize("is_late", [True, False], ids=["an older reply last", "in order"])
async def test_a_message_that_comes_before_the_end_is_not_forgotten(is_late: bool) -> None:
    store = HoldingStore()
    manager = SessionManager(store, Policy(idle=LONG, absolute=LONG))
    session = await manager.create()
    watch = SessionWatch(manager, interval=LONG)
    ended: list[EndReason] = []

    store.reading = asyncio.Event()
    watch.add(session.key, ended.append)
    await store.reading.wait()
    if not is_late:
        store.released.set()
    await watch.check_soon(session.key)  # of a node that is about to end it
    store.released.set()
    await eventually(partial(_is_idle, watch))
    await store.inner.end(session.key, EndReason.REVOKED, keep=60.0)

    await eventually(lambda: ended == [EndReason.REVOKED], within=10.0)
    watch.close()


class LosingStore(HookedStore):
    """Has no reply for the reads of one key."""

    lost = ""

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        if key == self.lost:
            raise StoreUnavailableError("out of reach")
        return await super().load(key, idle=idle)


async def test_a_read_that_fails_keeps_no_other_from_its_end() -> None:
    store = LosingStore(MemoryStore())
    manager = SessionManager(store, Policy(idle=LONG, absolute=LONG))
    watch = SessionWatch(manager, interval=LONG)
    ended: list[str] = []
    keys = [(await manager.create()).key for _ in range(3)]
    for key in keys:
        watch.add(key, partial(_note, ended, key))
    await eventually(partial(_is_idle, watch))
    store.lost = keys[1]
    for key in keys:
        await store.inner.end(key, EndReason.REVOKED, keep=60.0)

    with pytest.raises(StoreUnavailableError):
        await watch.check_all()
    assert ended == [keys[0], keys[2]]
    store.lost = ""
    await watch.check_all()
    assert ended == [keys[0], keys[2], keys[1]]


def _is_idle(watch: SessionWatch) -> bool:
    return not watch._checks


def _note(ended: list[str], key: str, _reason: EndReason) -> None:
    ended.append(key)


def test_a_message_in_the_moment_in_which_a_watch_begins_is_checked_under_uvloop() -> None:
    """Its handle for a timer that is due at once does not say when it is due."""

    async def watch_and_end() -> None:
        store = HookedStore(MemoryStore())
        manager = SessionManager(store, Policy(idle=LONG, absolute=LONG))
        session = await manager.create()
        watch = SessionWatch(manager, interval=LONG)
        ended: list[EndReason] = []
        watch.add(session.key, ended.append)
        watch._check_in(session.key, LONG)
        await store.inner.end(session.key, EndReason.REVOKED, keep=60.0)
        await eventually(lambda: ended == [EndReason.REVOKED])
        watch.close()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(watch_and_end())
