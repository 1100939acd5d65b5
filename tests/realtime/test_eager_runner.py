"""Work that begins at once: within a task of its own for all that it can tell, and then in that task."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context, ContextVar, copy_context

import anyio
import pytest
from starlette.concurrency import run_in_threadpool

from app.aio.eager import EagerRunner

NAME: ContextVar[str] = ContextVar("name", default="nobody")

Steps = Callable[[list[str]], Awaitable[None]]


@pytest.fixture
async def runner() -> AsyncIterator[EagerRunner]:
    """A runner, closed at the end."""
    runner = EagerRunner()
    yield runner
    runner.close()


def run(
    runner: EagerRunner, steps: Steps, variables: Context | None = None
) -> tuple["asyncio.Task[None] | None", list[str]]:
    """Run steps; return the task that goes on with them, and what they have noted so far."""
    log: list[str] = []

    async def work() -> None:
        await steps(log)

    loop = asyncio.get_running_loop()
    return runner.run(loop, work(), variables or copy_context()), log


async def note_task(log: list[str]) -> None:
    """Note the task before a wait and behind it."""
    log.append(str(id(asyncio.current_task())))
    await asyncio.sleep(0)
    log.append(str(id(asyncio.current_task())))


async def test_what_waits_for_nothing_is_done_at_once(runner: EagerRunner) -> None:
    async def steps(log: list[str]) -> None:
        log.append("done")

    assert run(runner, steps) == (None, ["done"])


async def test_what_waits_goes_on_in_the_task_in_which_it_began(runner: EagerRunner) -> None:
    task, log = run(runner, note_task)

    assert task is not None
    assert len(log) == 1
    await task
    assert log == [str(id(task))] * 2
    assert task is not asyncio.current_task()


async def test_two_that_wait_have_a_task_each(runner: EagerRunner) -> None:
    (first, _), (second, _) = run(runner, note_task), run(runner, note_task)

    assert first is not None
    assert second is not None
    assert first is not second
    await asyncio.gather(first, second)


async def test_those_that_wait_for_nothing_share_a_task(runner: EagerRunner) -> None:
    seen: list[asyncio.Task[None]] = []

    async def steps(_log: list[str]) -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.append(task)

    before = asyncio.all_tasks()
    for _ in range(3):
        run(runner, steps)

    assert len(set(seen)) == 1
    assert asyncio.all_tasks() - before == set(seen)
    runner.close()
    await asyncio.wait(seen)
    assert asyncio.all_tasks() == before


async def test_the_caller_is_in_its_own_task_again(runner: EagerRunner) -> None:
    before = asyncio.current_task()

    async def fail(_log: list[str]) -> None:
        raise ValueError

    run(runner, note_task)
    assert asyncio.current_task() is before
    with pytest.raises(ValueError):  # noqa: PT011 - it is the one above
        run(runner, fail)
    assert asyncio.current_task() is before


async def test_work_that_runs_other_work_keeps_its_task(runner: EagerRunner) -> None:
    tasks = []

    async def outer(_log: list[str]) -> None:
        tasks.append(asyncio.current_task())
        run(runner, note_task)
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    task, _ = run(runner, outer)

    assert task is not None
    await task
    assert tasks == [task] * 3


async def test_variables_are_the_works_own_before_a_wait_and_behind_it(
    runner: EagerRunner,
) -> None:
    async def steps(log: list[str]) -> None:
        log.append(NAME.get())
        NAME.set("work")
        await asyncio.sleep(0)
        log.append(NAME.get())
        NAME.set("more work")
        await asyncio.sleep(0)
        log.append(NAME.get())

    NAME.set("caller")
    variables = copy_context()
    NAME.set("caller, later")
    task, log = run(runner, steps, variables)

    assert task is not None
    await task
    assert log == ["caller", "work", "more work"]
    assert NAME.get() == "caller, later"


async def test_results_and_errors_of_futures_arrive(runner: EagerRunner) -> None:
    loop = asyncio.get_running_loop()
    result, failure = loop.create_future(), loop.create_future()

    async def steps(log: list[str]) -> None:
        log.append(await result)
        try:
            await failure
        except ValueError as error:
            log.append(str(error))

    task, log = run(runner, steps)
    result.set_result("result")
    failure.set_exception(ValueError("failure"))

    assert task is not None
    await task
    assert log == ["result", "failure"]


async def test_an_error_behind_a_wait_is_the_tasks(runner: EagerRunner) -> None:
    async def steps(_log: list[str]) -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    task, _ = run(runner, steps)

    assert task is not None
    with pytest.raises(ValueError, match="late"):
        await task


async def forever(log: list[str]) -> None:
    """Wait until it is cancelled, and then for something else."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        log.append("cancelled")
        await asyncio.sleep(0)
        log.append("cleaned up")
        raise


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_task_that_goes_on_can_be_cancelled(runner: EagerRunner, turns: int) -> None:
    task, log = run(runner, forever)
    assert task is not None
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel("enough")

    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cancelled", "cleaned up"]


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_what_was_waited_for_is_cancelled_with_it(runner: EagerRunner, turns: int) -> None:
    awaited = asyncio.get_running_loop().create_future()

    async def steps(_log: list[str]) -> None:
        await awaited

    task, _ = run(runner, steps)
    assert task is not None
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()

    await asyncio.wait([task])
    assert task.cancelled()
    assert awaited.cancelled()


async def cancel_oneself(_log: list[str]) -> None:
    """Cancel the task before anything is waited for."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def test_work_that_cancels_itself_is_cancelled_where_it_waits(runner: EagerRunner) -> None:
    async def steps(log: list[str]) -> None:
        await cancel_oneself(log)
        await forever(log)

    task, log = run(runner, steps)

    assert task is not None
    await asyncio.wait([task])
    assert task.cancelled()
    assert log == ["cancelled", "cleaned up"]


async def test_work_that_cancels_itself_takes_nobody_elses_task(runner: EagerRunner) -> None:
    assert run(runner, cancel_oneself)[0] is None
    task, log = run(runner, note_task)

    assert task is not None
    await task
    assert len(log) == 2


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_a_timeout_ends_the_wait_of_the_work_that_has_it(
    runner: EagerRunner, seconds: float
) -> None:
    async def steps(log: list[str]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            log.append("timed out")
        await asyncio.sleep(0)
        log.append("went on")

    run(runner, note_task)  # so that one that begins anew is the second
    task, log = run(runner, steps)

    assert task is not None
    await task
    assert log == ["timed out", "went on"]


async def test_groups_threads_and_scopes_work_before_the_first_wait(runner: EagerRunner) -> None:
    async def steps(log: list[str]) -> None:
        with anyio.CancelScope() as scope:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            log.append(await run_in_threadpool(str, "thread"))
            with anyio.move_on_after(0.01):
                await anyio.sleep_forever()
            scope.cancel()
            await anyio.sleep_forever()
        log.append("out")

    task, log = run(runner, steps)

    assert task is not None
    await task
    assert log == ["thread", "out"]


async def test_a_runner_serves_one_loop_after_another() -> None:
    runner = EagerRunner()

    async def once() -> list[str]:
        task, log = run(runner, note_task)
        assert task is not None
        await task
        assert run(runner, cancel_oneself) == (None, [])
        return log

    def elsewhere() -> list[str]:
        return asyncio.run(once())

    assert len(await asyncio.to_thread(elsewhere)) == 2
    assert len(await asyncio.to_thread(elsewhere)) == 2
