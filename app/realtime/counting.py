"""The events of the example."""

from typing import Annotated

from pydantic import Field

from app import counter
from app.realtime.events import Context, Events

events = Events()

Count = Annotated[int, Field(description="The session's count.", examples=[4])]

events.sends(
    counter.CURRENT_COUNT,
    Count,
    "The session's count, after each change, whichever edge and node it came from. "
    "Every socket of the session hears it, the one that asked included.",
)


@events.on("incr", reads=False)
async def incr(context: Context) -> Count:
    """Count one more; acknowledged with the new count, which every socket of the session hears."""
    return await counter.incr(context.session, context.rooms)
