"""Who comes and goes, on whichever node and device."""

from fastapi_mooring import EVERYBODY, EventRouter, Mooring

from .models import Presence

events = EventRouter()
events.sends("presence", Presence, description="Somebody has come, or gone.")


def install(mooring: Mooring) -> None:
    """Notify everybody; of all nodes one does."""

    @mooring.on_user_online
    async def came(user: str) -> None:
        await mooring.emitter.emit("presence", Presence(name=user, online=True), to=EVERYBODY)

    @mooring.on_user_offline
    async def left(user: str) -> None:
        await mooring.emitter.emit("presence", Presence(name=user, online=False), to=EVERYBODY)
