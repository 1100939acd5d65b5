"""A soak of half a minute: the clients do what they say, and a leak is found."""

import pytest

from tests.soak.run import Plan, soak

pytestmark = pytest.mark.thorough

LEAKING = "tests.soak.leaking:app"


async def test_a_task_and_a_file_that_each_sign_in_leaves_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.soak.run._SETTLE_SECONDS", 10.0)
    plan = Plan(
        seconds=12,
        warm_up=4,
        clients=24,
        js_clients=3,
        processes=1,
        pace=0.3,
        every=0.5,
        app=LEAKING,
    )
    report = await soak(plan, print)

    remains = {each.name for each in report.findings if each.remains}
    for node in ("node 0", "node 1"):
        assert {f"tasks of {node}", f"fds of {node}"} <= remains
    assert "lasting keys" not in remains
    assert not report.ok
    for deed in ("deed", "log out", "rotate", "end", "vanish", "js deed", "js log out"):
        assert report.done[deed], deed
    assert report.done["recovered"] > report.done["recover"] / 2
    assert report.share_wrong < 0.01, report.wrong
