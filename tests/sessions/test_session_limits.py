"""What a session refuses to keep; what was stored before is intact."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from app.sessions import Policy, SessionDataError, Sessions, SessionTooLargeError
from tests.sessions.handles import count_up, stored
from tests.support.hooked_store import HookedStore


@dataclass
class _Point:
    x: int


async def test_data_over_the_limit_are_refused_and_the_old_ones_intact(
    store: HookedStore,
) -> None:
    sessions = Sessions(store, Policy(idle=600, absolute=3600, max_data=100))
    session = await sessions.create()
    await session.update(count_up)
    with pytest.raises(SessionTooLargeError) as refused:
        await session.update(lambda data: data.update(text="x" * 100))
    assert (refused.value.size, refused.value.limit) == (121, 100)
    session["text"] = "x" * 100
    with pytest.raises(SessionTooLargeError):
        await session.save()
    assert await stored(sessions, session) == {"count": 1}
    session.forget_changes()
    assert await session.update(count_up) == 2


async def test_data_of_just_the_limit_are_stored(store: HookedStore) -> None:
    sessions = Sessions(store, Policy(idle=600, absolute=3600, max_data=100))
    session = await sessions.create()
    session["text"] = "x" * (100 - len('{"text":""}'))
    await session.save()
    assert len((await sessions.look(session.key)).data) == 100


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", datetime.now(UTC), _Point(1), 2**64, "\ud800", {1: "one"}],
    ids=[
        "object",
        "set",
        "bytes",
        "datetime",
        "dataclass",
        "65 bits",
        "surrogate",
        "number as key",
    ],
)
async def test_what_json_has_no_form_for_is_refused_and_the_old_data_intact(
    sessions: Sessions, value: object
) -> None:
    session = await sessions.create()
    await session.update(count_up)
    with pytest.raises(SessionDataError):
        await session.update(lambda data: data.update(bad=value))
    session["bad"] = value
    with pytest.raises(SessionDataError):
        await session.save()
    assert await stored(sessions, session) == {"count": 1}
