"""A count in the session, the same for routes and events."""

from collections.abc import Mapping
from typing import Any

from .. import Emitter, Session

CURRENT_COUNT = "current count"


async def increment(session: Session, emitter: Emitter) -> int:
    """Add one to the count, publish it to every socket of the session, and return it."""
    count = await session.transact(_add_one)
    await emitter.publish(CURRENT_COUNT, count, session=session)
    return count


def current(data: Mapping[str, Any]) -> int:
    """Return the count in a session's data; 0 before the first increment."""
    count: int = data.get("count", 0)
    return count


def _add_one(data: dict[str, Any]) -> int:
    data["count"] = current(data) + 1
    return current(data)
