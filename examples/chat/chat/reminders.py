"""Things to be said later: asked for by HTTP, said by a worker."""

import asyncio
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

from fastapi import APIRouter
from fastapi_mooring import BusUnavailableError, Emitter, UserDep

from .channels import must_be_member
from .database import Database, DatabaseDep, in_thread
from .errors import NotAMemberError
from .messages import insert, message_at
from .models import ChannelName, Draft, Message, NewReminder
from .rooms import room

router = APIRouter(tags=["reminders"])


@router.post("/channels/{channel}/reminders", status_code=204)
def remind(channel: ChannelName, new: NewReminder, user: UserDep, db: DatabaseDep) -> None:
    """Have something said in a channel later."""
    must_be_member(db, channel, user)
    with db.transaction() as write:
        write.execute(
            "INSERT INTO reminder (channel, person, text, due_at) VALUES (?, ?, ?, ?)",
            (channel, user, new.text, time.time() + new.seconds),
        )


def take_due(db: Database, now: float) -> list[Message]:
    """Move what is due into the history, each once, however many workers there are."""
    places = []
    with db.transaction() as write:
        query = "DELETE FROM reminder WHERE due_at <= ? RETURNING *"
        for due in write.execute(query, (now,)).fetchall():
            # An id that nobody can have sent, and a new one each time: those of rows are used again.
            said = {"id": f"reminder:{uuid4()}", "channel": due["channel"], "text": due["text"]}
            draft = Draft.model_construct(**said)
            try:
                number = insert(write, draft, due["person"], "reminder")
            except NotAMemberError:  # who asked for it has left
                continue
            places.append((due["channel"], number))
    return [message_at(db, *place) for place in places]


async def say_what_is_due(db: Database, emitter: Emitter) -> None:
    """Say what is due now. What cannot be sent is in the history, where clients find it missing."""
    for message in await in_thread(take_due, db, time.time()):
        try:
            await emitter.emit("message", message, to=room(message.channel))
        except BusUnavailableError as error:
            print(f"message {message.number} of {message.channel} was not sent: {error}")  # noqa: T201 - its log


async def keep_reminding(path: Path, emitter: Emitter, interval: float) -> None:
    """Say what is due, for as long as it runs."""
    db = await in_thread(Database, path)
    try:
        while True:
            try:
                await say_what_is_due(db, emitter)
            except sqlite3.OperationalError as error:  # locked for long, or its disk is full
                print(f"reminders wait: {error}")  # noqa: T201 - its log
            await asyncio.sleep(interval)
    finally:
        db.close()
