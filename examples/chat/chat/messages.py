"""Messages: how they get into the history, and out of it.

A channel's messages are numbered from 1 without a gap, in the order in which they were stored: who has
seen number 7 and is sent number 9 knows that 8 is missing, and asks for what came after 7. So nothing
is missed, whatever the network or a node does in between.
"""

import sqlite3
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi_mooring import EmitterDep, EventRouter, UserDep

from .channels import must_be_member
from .content_types import SHOWN
from .database import Database, DatabaseDep, in_thread
from .errors import NotAMemberError
from .models import ChannelName, Draft, History, Message, Number
from .rooms import room

router = APIRouter(tags=["messages"])
events = EventRouter()
events.sends("message", Message, description="A message of a channel that one is in.")

MESSAGES = """
SELECT message.*, file.name, file.type, file.size FROM message LEFT JOIN file ON file.id = message.file
WHERE channel = :channel
"""


@router.get("/channels/{channel}/messages")
def history(
    channel: ChannelName,
    user: UserDep,
    db: DatabaseDep,
    after: Number | None = None,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> History:
    """The messages after a number, those before one, or the last ones."""
    must_be_member(db, channel, user)
    if after is not None:
        query = f"{MESSAGES} AND number > :after ORDER BY number LIMIT :limit"
    else:
        query = f"{MESSAGES} AND number < coalesce(:before, 1e15) ORDER BY number DESC LIMIT :limit"
    found = db.rows(query, channel=channel, after=after, before=before, limit=limit + 1)
    kept = sorted(found[:limit], key=lambda row: row["number"])
    return History(messages=[_message(row) for row in kept], more=len(found) > limit)


@events.on("say", once=True, limit="20 per 10 seconds")
async def say(draft: Draft, user: UserDep, db: DatabaseDep, emitter: EmitterDep) -> Message:
    """Say something in a channel; acknowledged with the message as it is stored.

    A repeat is acknowledged as the first one was. Where the node was killed between the history and the
    ack, that is not known: then the draft's own id tells that it is stored, and it is sent once more to
    clients that know it by its number.
    """
    message = await in_thread(add, db, draft, user)
    # Where it is: a draft that is repeated for another channel is still in the one of its first time.
    await emitter.emit("message", message, to=room(message.channel))
    return message


def add(
    db: Database,
    draft: Draft,
    author: str,
    *,
    kind: str = "text",
    file: dict[str, Any] | None = None,
) -> Message:
    """Store a member's message once, with its file; raises NotAMemberError."""
    with db.transaction() as write:
        known = "SELECT channel, number FROM message WHERE author = ? AND draft = ?"
        if place := write.execute(known, (author, draft.id)).fetchone():
            channel, number = place
        else:
            channel, number = draft.channel, insert(write, draft, author, kind, file)
    return message_at(db, channel, number)


def insert(
    write: sqlite3.Connection,
    draft: Draft,
    author: str,
    kind: str,
    file: dict[str, Any] | None = None,
) -> int:
    """Store a member's message within a transaction; return its number. Raises NotAMemberError."""
    member = "SELECT 1 FROM member WHERE channel = ? AND person = ?"
    if write.execute(member, (draft.channel, author)).fetchone() is None:
        raise NotAMemberError
    if file is not None:
        write.execute("INSERT INTO file VALUES (:id, :name, :type, :size, :content)", file)
    query = "UPDATE channel SET last = last + 1 WHERE name = ? RETURNING last"
    [number] = write.execute(query, (draft.channel,)).fetchone()
    write.execute(
        "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            draft.channel,
            number,
            kind,
            author,
            draft.text,
            time.time(),
            draft.id,
            file and file["id"],
        ),
    )
    if kind != "reminder":  # who says something has read what is above it
        query = "UPDATE member SET read = ? WHERE channel = ? AND person = ?"
        write.execute(query, (number, draft.channel, author))
    return int(number)


def message_at(db: Database, channel: str, number: int) -> Message:
    """Return a message that is there; none is ever taken out."""
    [row] = db.rows(f"{MESSAGES} AND number = :number", channel=channel, number=number)
    return _message(row)


def _message(row: dict[str, Any]) -> Message:
    if row["file"] is not None:
        kept = {name: row[name] for name in ("name", "type", "size")}
        row["file"] = {"id": row["file"], "image": row["type"] in SHOWN} | kept
    return Message.model_validate(row)
