"""What a session refuses to keep; what was stored before is intact."""

import pytest

from app.sessions import Policy, SessionManager, SessionTooLargeError
from tests.sessions.handles import count_up, stored
from tests.support.hooked_store import HookedStore


async def test_data_over_the_limit_are_refused_and_the_old_ones_intact(
    store: HookedStore,
) -> None:
    sessions = SessionManager(store, Policy(idle=600, absolute=3600, max_data=100))
    session = await sessions.create()
    await session.transact(count_up)
    with pytest.raises(SessionTooLargeError) as refused:
        await session.transact(lambda data: data.update(text="x" * 100))
    assert (refused.value.size, refused.value.limit) == (121, 100)
    session["text"] = "x" * 100
    with pytest.raises(SessionTooLargeError):
        await session.save()
    assert await stored(sessions, session) == {"count": 1}
    session.discard_changes()
    assert await session.transact(count_up) == 2


async def test_data_of_just_the_limit_are_stored(store: HookedStore) -> None:
    sessions = SessionManager(store, Policy(idle=600, absolute=3600, max_data=100))
    session = await sessions.create()
    session["text"] = "x" * (100 - len('{"text":""}'))
    await session.save()
    assert len((await sessions.load_live(session.key)).data) == 100
