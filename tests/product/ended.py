"""An app that writes down which sessions have ended."""

import logging

from fastapi import FastAPI
from fastapi_mooring import EndReason, EventRouter, Mooring

app = FastAPI()
mooring = Mooring(app)


@mooring.on_session_ended
async def ended(key: str, reason: EndReason) -> None:
    """Write a line, which the test looks for in the logs of all nodes."""
    logging.getLogger("ended").warning("ended: %s %s", key, reason)


mooring.include_router(EventRouter())
app.include_router(mooring.session_router())
app.include_router(mooring.health_router())
