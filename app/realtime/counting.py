"""The events of the example."""

from app import counter
from app.realtime.events import Context, Events

events = Events()


@events.on("incr")
async def incr(context: Context) -> int:
    """Count one more; acknowledged with the new count, which every socket of the session hears."""
    return await counter.incr(context.session, context.rooms)
