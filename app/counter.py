"""The example domain: a count in the session, the same for both edges."""

from typing import Any

from app.rooms import Rooms
from app.sessions import Session

CURRENT_COUNT = "current count"


def add_one(data: dict[str, Any]) -> int:
    """Count one more in a session's data; gives the new count."""
    count = current(data) + 1
    data["count"] = count
    return count


def current(data: Any) -> int:
    """Read the count of a session; 0 before the first increment."""
    count: int = data.get("count", 0)
    return count


async def incr(session: Session, rooms: Rooms) -> int:
    """Count one more, tell every socket of the session, and give the new count."""
    count = await session.update(add_one)
    await rooms.tell(session.key, session.version, CURRENT_COUNT, count)
    return count
