"""The events of the example."""

from typing import Annotated

from pydantic import Field

from .. import EmitterDep, EventRouter, SessionDep
from .counter import CURRENT_COUNT, current, increment

events = EventRouter()

Count = Annotated[int, Field(description="The session's count.", examples=[4])]

events.sends(
    CURRENT_COUNT,
    Count,
    description="The session's count, after each change, whichever protocol and node it came "
    "from. Every socket of the session receives it, the sender's too.",
    state=current,
)


@events.on("incr", reload=False)
async def incr(session: SessionDep, emitter: EmitterDep) -> Count:
    """Count one more; acknowledged with the new count, which every socket of the session receives."""
    return await increment(session, emitter)


@events.on("incr once", once=True, reload=False)
async def incr_once(session: SessionDep, emitter: EmitterDep) -> Count:
    """Count one more for each id: a client that repeats the event gets the first count again."""
    return await increment(session, emitter)
