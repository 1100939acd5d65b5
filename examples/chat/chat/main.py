"""The app: `make chat`, or `mooring chat.main:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi_mooring import EventRouter, Mooring, Settings

from . import channels, errors, files, messages, page, people, presence, reminders
from .config import config
from .database import Database, in_thread


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.dependency_overrides.get(config, config)()
    app.state.database = await in_thread(Database, settings.database)
    reminding = None
    if mooring.settings.session_store == "memory":
        # There is no Redis through which a worker of its own could speak: this process is the worker, too.
        reminding = asyncio.create_task(
            reminders.keep_reminding(settings.database, mooring.emitter, settings.reminder_interval)
        )
    yield
    if reminding is not None:
        reminding.cancel()
        with suppress(asyncio.CancelledError):
            await reminding
    app.state.database.close()


app = FastAPI(title="Chat", lifespan=lifespan)
mooring = Mooring(app, Settings.with_defaults(max_body_bytes=files.MAX_BYTES))

events = EventRouter(recovery=True)  # who comes back within two minutes is sent what it missed
errors.install(app, events)
for each in (channels.events, messages.events, presence.events):
    events.include_router(each)
mooring.include_router(events)
presence.install(mooring)

mooring.docs()
mooring.install_problem_handlers()
for router in (people.router, channels.router, messages.router, files.router, reminders.router):
    app.include_router(router)
app.include_router(mooring.session_router(view=False))  # POST /logout
app.include_router(mooring.devices_router())
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())
page.install(app)
