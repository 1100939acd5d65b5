"""Jobs run one after another for each socket, and side by side for different sockets."""

import asyncio
import logging
from contextvars import copy_context

import pytest

from app.aio.serial_executor import Job, SerialExecutor
from tests.support.eventually import eventually

MAX_WAITING = 100


@pytest.fixture
def executor() -> SerialExecutor:
    """An executor with nothing to do."""
    return SerialExecutor(max_waiting=MAX_WAITING)


class Log:
    """Jobs that record when they begin and end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def job(self, name: str, until: asyncio.Event | None = None) -> Job:
        """Make a job that takes a few turns of the event loop, or as long as an event takes."""

        async def run() -> None:
            self.lines.append(f"{name} begins")
            if until is None:
                await asyncio.sleep(0)
            else:
                await until.wait()
            self.lines.append(f"{name} ends")

        return run


async def test_jobs_of_one_socket_never_overlap_and_keep_their_order(
    executor: SerialExecutor,
) -> None:
    log = Log()
    for number in range(50):
        assert executor.put("socket", log.job(str(number)))

    await executor.drain()

    assert log.lines == [f"{n} {what}" for n in range(50) for what in ("begins", "ends")]


async def test_a_job_that_is_put_by_a_job_comes_last(executor: SerialExecutor) -> None:
    log = Log()

    async def put_another() -> None:
        executor.put("socket", log.job("added"))

    executor.put("socket", put_another)
    executor.put("socket", log.job("there before"))
    await executor.drain()

    assert [line for line in log.lines if "begins" in line] == [
        "there before begins",
        "added begins",
    ]


async def test_a_job_that_waits_delays_its_own_socket_alone(executor: SerialExecutor) -> None:
    log, gate = Log(), asyncio.Event()
    executor.put("slow", log.job("slow", gate))
    executor.put("slow", log.job("behind"))
    executor.put("quick", log.job("quick"))

    await eventually(lambda: "quick ends" in log.lines)

    assert "behind begins" not in log.lines
    gate.set()
    await executor.drain()
    assert log.lines[-2:] == ["behind begins", "behind ends"]


async def test_a_job_that_fails_is_logged_and_the_next_one_runs(
    executor: SerialExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()

    async def fail() -> None:
        raise LookupError("on purpose")

    executor.put("socket", fail)
    executor.put("socket", log.job("next"))
    with caplog.at_level(logging.ERROR):
        await executor.drain()

    assert log.lines == ["next begins", "next ends"]
    assert "job failed" in caplog.text


async def test_a_job_is_refused_when_too_many_wait() -> None:
    executor = SerialExecutor(max_waiting=3)
    log, gate = Log(), asyncio.Event()
    executor.put("socket", log.job("first", gate))
    await eventually(lambda: log.lines)

    assert [executor.put("socket", log.job(str(n))) for n in range(5)] == [True] * 3 + [False] * 2
    assert executor.put("another", log.job("another"))

    gate.set()
    await executor.drain()
    assert executor.put("socket", log.job("later"))
    await executor.drain()
    assert log.lines[-1] == "later ends"


async def test_no_queue_is_left_when_all_jobs_are_done(executor: SerialExecutor) -> None:
    for socket in range(20):
        executor.put(str(socket), Log().job("job"))

    await executor.drain()

    assert executor._queues == {}


async def test_others_have_their_turn_between_jobs_that_wait_for_nothing() -> None:
    executor = SerialExecutor(max_waiting=MAX_WAITING, slice_seconds=0.0)
    turns = 0

    async def job() -> None:
        pass

    for _ in range(MAX_WAITING):
        executor.put("socket", job)
    while executor.is_busy("socket"):
        turns += 1
        await asyncio.sleep(0)
    assert turns >= MAX_WAITING


async def test_it_is_full_by_bytes_until_enough_of_them_have_begun() -> None:
    executor, log = SerialExecutor(max_waiting=MAX_WAITING, max_waiting_bytes=10), Log()
    go_on = [asyncio.Event() for _ in range(4)]
    for number, event in enumerate(go_on):
        executor.put("socket", log.job(str(number), event), 4)
    assert executor.is_full("socket")
    assert not executor.is_full("other socket")

    waiting = asyncio.create_task(executor.until("socket", 5))
    go_on[0].set()
    await eventually(lambda: "1 begins" in log.lines)
    assert not executor.is_full("socket")
    assert not waiting.done()
    go_on[1].set()
    await eventually(waiting.done)
    assert "2 begins" in log.lines
    for event in go_on:
        event.set()
    await executor.drain()
    await executor.until("socket", 0)


def run_now(executor: SerialExecutor, job: Job) -> None:
    """Run a job of a socket that is not busy."""

    async def run() -> None:
        await job()

    executor.run_now("socket", run(), copy_context())


async def test_a_job_that_waits_for_nothing_is_done_at_once(executor: SerialExecutor) -> None:
    lines: list[str] = []

    async def job() -> None:
        assert executor.is_busy("socket")
        lines.append("done")

    for _ in range(3):
        run_now(executor, job)
        assert not executor.is_busy("socket")
    assert lines == ["done"] * 3


async def test_jobs_come_behind_one_that_has_begun_at_once_and_waits(
    executor: SerialExecutor,
) -> None:
    log = Log()
    run_now(executor, log.job("first"))
    assert log.lines == ["first begins"]
    assert executor.is_busy("socket")
    executor.put("socket", log.job("second"))
    await executor.drain()

    assert log.lines == ["first begins", "first ends", "second begins", "second ends"]
    assert not executor.is_busy("socket")


@pytest.mark.parametrize("waits", [False, True])
async def test_a_job_that_is_put_by_one_that_runs_at_once_comes_behind_it(
    executor: SerialExecutor, waits: bool
) -> None:
    log = Log()

    async def put_another() -> None:
        executor.put("socket", log.job("added"))
        if waits:
            await asyncio.sleep(0)
        log.lines.append("end of the first")

    run_now(executor, put_another)
    await executor.drain()

    assert log.lines == ["end of the first", "added begins", "added ends"]
    run_now(executor, log.job("another"))
    await executor.drain()
    assert log.lines[3:] == ["another begins", "another ends"]


async def test_an_error_of_a_job_that_runs_at_once_is_logged(
    executor: SerialExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ValueError

    with caplog.at_level(logging.ERROR):
        run_now(executor, fail)
    assert "job failed" in caplog.text
    assert not executor.is_busy("socket")


async def test_closed_it_leaves_no_task(executor: SerialExecutor) -> None:
    async def job() -> None:
        return

    before = asyncio.all_tasks()
    run_now(executor, job)
    left = asyncio.all_tasks() - before
    executor.close()
    executor.close()
    await asyncio.wait(left)
    assert asyncio.all_tasks() == before
