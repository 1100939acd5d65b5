"""Lanes: one after another for each socket, side by side between sockets."""

import asyncio
import logging

import pytest

from app.realtime import lanes as module
from app.realtime.lanes import Job, Lanes
from tests.support.eventually import eventually


@pytest.fixture
def lanes() -> Lanes:
    """Lanes with nothing in them."""
    return Lanes()


class Diary:
    """Jobs that note when they begin and end."""

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


async def test_jobs_of_one_socket_never_overlap_and_keep_their_order(lanes: Lanes) -> None:
    diary = Diary()
    for number in range(50):
        assert lanes.put("socket", diary.job(str(number)))

    await lanes.drain()

    assert diary.lines == [f"{n} {what}" for n in range(50) for what in ("begins", "ends")]


async def test_a_job_that_is_put_by_a_job_comes_last(lanes: Lanes) -> None:
    diary = Diary()

    async def put_another() -> None:
        lanes.put("socket", diary.job("added"))

    lanes.put("socket", put_another)
    lanes.put("socket", diary.job("there before"))
    await lanes.drain()

    assert [line for line in diary.lines if "begins" in line] == [
        "there before begins",
        "added begins",
    ]


async def test_a_job_that_waits_holds_up_its_own_socket_alone(lanes: Lanes) -> None:
    diary, gate = Diary(), asyncio.Event()
    lanes.put("slow", diary.job("slow", gate))
    lanes.put("slow", diary.job("behind"))
    lanes.put("quick", diary.job("quick"))

    await eventually(lambda: "quick ends" in diary.lines)

    assert "behind begins" not in diary.lines
    gate.set()
    await lanes.drain()
    assert diary.lines[-2:] == ["behind begins", "behind ends"]


async def test_a_job_that_fails_is_logged_and_the_next_one_runs(
    lanes: Lanes, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()

    async def fail() -> None:
        raise LookupError("on purpose")

    lanes.put("socket", fail)
    lanes.put("socket", diary.job("next"))
    with caplog.at_level(logging.ERROR):
        await lanes.drain()

    assert diary.lines == ["next begins", "next ends"]
    assert "a job of socket socket failed" in caplog.text


async def test_so_many_may_wait_and_no_more(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    diary, gate = Diary(), asyncio.Event()
    lanes.put("socket", diary.job("first", gate))
    await eventually(lambda: diary.lines)

    assert [lanes.put("socket", diary.job(str(n))) for n in range(5)] == [True] * 3 + [False] * 2
    assert lanes.put("another", diary.job("another"))

    gate.set()
    await lanes.drain()
    assert lanes.put("socket", diary.job("later"))
    await lanes.drain()
    assert diary.lines[-1] == "later ends"


async def test_nothing_is_left_of_a_lane_that_is_done(lanes: Lanes) -> None:
    for socket in range(20):
        lanes.put(str(socket), Diary().job("job"))

    await lanes.drain()

    assert lanes._lanes == {}
