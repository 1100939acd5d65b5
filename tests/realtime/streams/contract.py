"""What each StreamLog promises."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.asgi.errors import TooManyStreamsError
from app.realtime.streams.log import (
    Chunk,
    Progress,
    Reader,
    State,
    StreamLimits,
    StreamLog,
    StreamName,
)
from app.realtime.targets import Target
from app.testing.contracts.store_base import new_key

LIMITS = StreamLimits(lease=0.3, hold=0.5, keep=1.0, bytes=100, streams=3)

Advance = Callable[[float], Awaitable[None]]


def new_name(id_: str = "answer", to: Target | None = None, namespace: str = "/") -> StreamName:
    """Return the name of a stream of a new session."""
    return StreamName(to or Target("session", new_key()), namespace, id_)


def chunk(start: int, end: int, size: int = 10, *, last: bool = False) -> Chunk:
    """Return a chunk of some bytes."""
    return Chunk(start, end, (b"%d-%d " % (start, end)).ljust(size, b"x"), last)


LAST = chunk(2, 2, last=True)


class StreamLogContract:
    """All that the docstrings of StreamLog promise; a subclass has the fixtures `log` and `advance`."""

    async def test_chunks_are_read_in_order_from_where_the_reader_was(self, log: StreamLog) -> None:
        name = await opened(log)
        chunks = [chunk(0, 1), chunk(1, 4), chunk(4, 5), chunk(5, 5, last=True)]
        for each in chunks:
            await log.append(name, each)
        for offset, expected in {0: 0, 1: 1, 3: 1, 4: 2, 5: 3}.items():
            reading = await log.read(name, Reader("a", offset), 10)
            assert [kept.chunk for kept in reading.chunks] == chunks[expected:]
            assert reading.position == 10 * expected
            assert (reading.state, reading.event) == (State.ENDED, "tokens")

    async def test_no_more_chunks_are_read_than_asked_for(self, log: StreamLog) -> None:
        name = await opened(log)
        for start in range(5):
            await log.append(name, chunk(start, start + 1))
        reading = await log.read(name, Reader("a", 1), 2)
        assert [kept.chunk.start for kept in reading.chunks] == [1, 2]
        assert [kept.position for kept in reading.chunks] == [20, 30]

    async def test_a_chunk_that_is_repeated_is_there_once(self, log: StreamLog) -> None:
        name = await opened(log)
        states = [
            (await log.append(name, each)).state for each in (chunk(0, 2), chunk(0, 2), LAST, LAST)
        ]
        assert states == [State.OPEN, State.OPEN, State.ENDED, State.ENDED]
        reading = await log.read(name, Reader("a", 0), 10)
        assert [kept.chunk for kept in reading.chunks] == [chunk(0, 2), LAST]

    async def test_a_chunk_behind_a_gap_is_refused(self, log: StreamLog) -> None:
        name = await opened(log)
        assert (await log.append(name, chunk(1, 2))).state == State.GONE
        assert (await log.read(name, Reader("a", 0), 10)).chunks == []

    async def test_what_follows_the_last_chunk_is_refused(self, log: StreamLog) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 0, last=True))
        assert (await log.append(name, chunk(0, 1))).state == State.ENDED
        reading = await log.read(name, Reader("a", 0), 10)
        assert [kept.chunk.last for kept in reading.chunks] == [True]

    async def test_a_name_is_used_once(self, log: StreamLog) -> None:
        name = await opened(log)
        assert not await log.open(name, "tokens")
        other = StreamName(name.to, "/other", name.id)
        assert await log.open(other, "tokens")

    async def test_streams_are_found_by_session_or_user_and_namespace(self, log: StreamLog) -> None:
        name = await opened(log)
        to = name.to
        await log.open(StreamName(to, "/", "second"), "tokens")
        await log.open(StreamName(to, "/other", "third"), "tokens")
        assert sorted(await log.find(to, "/")) == ["answer", "second"]
        assert await log.find(to, "/other") == ["third"]
        assert await log.find(Target("user", to.name), "/") == []

    async def test_more_streams_than_may_be_are_refused(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        for id_ in ("second", "third"):
            await log.open(StreamName(name.to, "/", id_), "tokens")
        fourth = StreamName(name.to, "/", "fourth")
        with pytest.raises(TooManyStreamsError, match="3 streams"):
            await log.open(fourth, "tokens")
        await advance(LIMITS.keep)
        assert await log.open(fourth, "tokens")

    async def test_a_stream_is_kept_for_a_while_after_its_end(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 2))
        await log.append(name, LAST)
        await advance(LIMITS.keep * 0.6)
        assert await log.find(name.to, "/") == [name.id]
        assert len((await log.read(name, Reader("a", 0), 10)).chunks) == 2
        await advance(LIMITS.keep * 0.6)
        assert await log.find(name.to, "/") == []
        assert (await log.read(name, Reader("a", 0), 10)).state == State.GONE

    async def test_a_stream_whose_producer_lives_stays(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 2))
        for _ in range(4):
            await advance(LIMITS.keep * 0.6)
            assert (await log.renew(name)).state == State.OPEN
        assert len((await log.read(name, Reader("a", 0), 10)).chunks) == 1

    async def test_the_oldest_chunks_go_when_there_are_too_many(self, log: StreamLog) -> None:
        name = await opened(log)
        for start in range(30):
            await log.append(name, chunk(start, start + 1))
        reading = await log.read(name, Reader("a", 0), 100)
        assert [kept.chunk.start for kept in reading.chunks] == list(range(20, 30))
        assert reading.position == 200

    async def test_a_chunk_that_is_larger_than_what_is_kept_is_kept(self, log: StreamLog) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 1))
        await log.append(name, chunk(1, 2, LIMITS.bytes * 2))
        reading = await log.read(name, Reader("a", 0), 100)
        assert [kept.chunk.start for kept in reading.chunks] == [1]

    async def test_the_slowest_reader_of_those_who_read_is_waited_for(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        assert await log.append(name, chunk(0, 1, 50)) == Progress(State.OPEN, 50)
        await log.read(name, Reader("fast", 1), 10)
        assert await log.renew(name) == Progress(State.OPEN, 0)
        await log.read(name, Reader("slow", 0), 10)
        assert await log.renew(name) == Progress(State.OPEN, 50)
        await advance(LIMITS.hold * 0.6)
        await log.read(name, Reader("fast", 1, 50), 10)
        assert await log.renew(name) == Progress(State.OPEN, 50)
        await advance(LIMITS.hold * 0.6)
        assert await log.renew(name) == Progress(State.OPEN, 0)

    async def test_a_reader_that_has_left_is_waited_for_unless_there_is_another(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 1, 50))
        await log.append(name, chunk(1, 2, 50))
        first = Reader("first", 1)
        await log.read(name, first, 10)
        await log.leave(name, first._replace(position=50))
        assert await log.renew(name) == Progress(State.OPEN, 50)
        await log.read(name, Reader("second", 2), 10)
        assert await log.renew(name) == Progress(State.OPEN, 0)
        await log.leave(name, Reader("second", 2))
        assert await log.renew(name) == Progress(State.OPEN, 50)
        await advance(LIMITS.hold)
        assert await log.renew(name) == Progress(State.OPEN, 0)

    async def test_without_readers_a_stream_waits_for_the_first_one_for_a_while(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 1, 50))
        assert (await log.renew(name)).ahead == 50
        await advance(LIMITS.hold)
        assert (await log.renew(name)).ahead == 0

    async def test_a_stream_whose_producer_is_overdue_is_ended_once(
        self, log: StreamLog, advance: Advance
    ) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 2))
        assert not await log.abandon(name, LAST)
        await advance(LIMITS.lease)
        assert (await log.read(name, Reader("a", 2), 10)).overdue
        assert not await log.abandon(name, chunk(1, 1, last=True))
        assert [await log.abandon(name, LAST) for _ in range(2)] == [True, False]
        assert (await log.append(name, chunk(2, 3))).state == State.ABANDONED
        assert (await log.append(name, LAST)).state == State.ABANDONED
        reading = await log.read(name, Reader("a", 2), 10)
        assert [kept.chunk for kept in reading.chunks] == [LAST]
        assert not reading.overdue

    async def test_a_sign_of_life_renews_the_lease(self, log: StreamLog, advance: Advance) -> None:
        name = await opened(log)
        for _ in range(3):
            await advance(LIMITS.lease * 0.6)
            await log.renew(name)
            assert not (await log.read(name, Reader("a", 0), 10)).overdue
        assert not await log.abandon(name, chunk(0, 0, last=True))

    async def test_what_was_discarded_is_gone(self, log: StreamLog) -> None:
        name = await opened(log)
        await log.append(name, chunk(0, 2))
        await log.discard(name)
        await log.discard(name)
        assert (await log.append(name, LAST)).state == State.GONE
        assert (await log.renew(name)).state == State.GONE
        assert (await log.read(name, Reader("a", 0), 10)).state == State.GONE
        assert await log.find(name.to, "/") == []
        assert not await log.abandon(name, LAST)
        await log.leave(name, Reader("a", 0))
        assert await log.open(name, "tokens")

    async def test_streams_at_once_do_not_mix(self, log: StreamLog) -> None:
        to = Target("user", new_key())
        names = [new_name(id_, to) for id_ in ("one", "two")]
        for name in names:
            await log.open(name, "tokens")

        async def fill(name: StreamName) -> None:
            for start in range(50):
                await log.append(name, Chunk(start, start + 1, name.id.encode()))

        await asyncio.gather(*map(fill, names))
        for name in names:
            reading = await log.read(name, Reader("a", 30), 100)
            assert {kept.chunk.body for kept in reading.chunks} == {name.id.encode()}
            assert [kept.chunk.start for kept in reading.chunks] == list(range(30, 50))


async def opened(log: StreamLog) -> StreamName:
    """Begin a stream, and return its name."""
    name = new_name()
    assert await log.open(name, "tokens")
    return name
