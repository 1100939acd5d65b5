"""What tests of the Session handle share."""

from app.sessions import Session, Sessions


def count_up(data: dict[str, int]) -> int:
    """What the example service does to a session."""
    data["count"] = data.get("count", 0) + 1
    return data["count"]


async def again(sessions: Sessions, session: Session) -> Session:
    """Another handle on a session, as the next request with its cookie has it."""
    assert session.id is not None
    found = await sessions.load(session.id)
    assert found is not None, "the session has expired"
    return found


async def stored(sessions: Sessions, session: Session) -> dict[str, object]:
    """The data of a session as the store has them now."""
    return dict(sessions.attach(session.key, await sessions.look(session.key)))
