"""Helpers of the tests of Session."""

import pytest

from app.sessions import Session, SessionManager, StoreUnavailableError
from tests.support.lossy_store import Fate, LossyStore


def count_up(data: dict[str, int]) -> int:
    """Increment the count, as the example does."""
    data["count"] = data.get("count", 0) + 1
    return data["count"]


async def again(sessions: SessionManager, session: Session) -> Session:
    """Return the session as the next request with its cookie has it."""
    assert session.id is not None
    found = await sessions.load(session.id)
    assert found is not None, "the session has expired"
    return found


async def stored(sessions: SessionManager, session: Session) -> dict[str, object]:
    """Return the data of a session as the store has them now."""
    return dict(sessions.attach(session.key, await sessions.load_live(session.key)))


async def rotate_in_doubt(session: Session, store: LossyStore) -> None:
    """Rotate a session: its new record is stored, and the end of the old one fails."""
    store.fates = [Fate.ANSWERED, Fate.NOT_EXECUTED]
    with pytest.raises(StoreUnavailableError):
        await session.rotate()
