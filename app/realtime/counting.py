"""The events of the example."""

from app import counter
from app.realtime.events import Context, Events

events = Events()

events.sends(
    counter.CURRENT_COUNT,
    int,
    "The session's count, after each change, whichever edge and node it came from. "
    "Every socket of the session hears it, the one that asked included.",
)


@events.on("incr")
async def incr(context: Context) -> int:
    """Count one more; acknowledged with the new count, which every socket of the session hears."""
    return await counter.incr(context.session, context.rooms)
