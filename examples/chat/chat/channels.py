"""Channels: making one, coming in, going out, being put out, and how far one has read."""

import sqlite3

from fastapi import APIRouter
from fastapi_mooring import EVERYBODY, EmitterDep, EventRouter, SocketDep, UserDep, to_user

from .database import Database, DatabaseDep, in_thread
from .errors import NoSuchThingError, NotAMemberError, TakenError
from .models import Channel, ChannelName, Membership, Name, NewChannel, ReadMark, Typing
from .people import AdminDep
from .rooms import room

router = APIRouter(prefix="/channels", tags=["channels"])
events = EventRouter()
events.sends("channel", NewChannel, description="There is a new channel.")
events.sends("membership", Membership, description="Somebody came into a channel, or left it.")
events.sends("read", ReadMark, description="One has read on, perhaps on another device.")
events.sends("typing", Typing, description="Somebody types in a channel.")

CHANNELS = """
SELECT channel.name, topic, last, person IS NOT NULL AS joined, coalesce(read, 0) AS read
FROM channel LEFT JOIN member ON member.channel = channel.name AND person = :user
"""


@router.get("")
def channels(user: UserDep, db: DatabaseDep) -> list[Channel]:
    """All channels, with how far one has read."""
    return [Channel(**each) for each in db.rows(f"{CHANNELS} ORDER BY channel.name", user=user)]


@router.post("", status_code=201)
async def create(new: NewChannel, user: UserDep, db: DatabaseDep, emitter: EmitterDep) -> Channel:
    """Make a channel, and be its first member."""
    await in_thread(add_channel, db, new, user)
    await emitter.join(to_user(user), room(new.name))
    await emitter.emit("channel", new, to=EVERYBODY)
    return Channel(**new.model_dump(), last=0, joined=True, read=0)


@router.get("/{channel}/members")
def members(channel: ChannelName, user: UserDep, db: DatabaseDep) -> list[str]:
    """The names of a channel's members."""
    must_be_member(db, channel, user)
    found = db.rows("SELECT person FROM member WHERE channel = :it ORDER BY person", it=channel)
    return [each["person"] for each in found]


@router.put("/{channel}/members/me")
async def join(
    channel: ChannelName, user: UserDep, db: DatabaseDep, emitter: EmitterDep
) -> Channel:
    """Come into a channel, with all devices."""
    found = await in_thread(add_member, db, channel, user)
    await emitter.join(to_user(user), room(channel))
    if channel not in await in_thread(joined, db, user):  # somebody was quicker to put this one out
        await emitter.leave(to_user(user), room(channel))
        raise NotAMemberError
    change = Membership(channel=channel, name=user, joined=True, by=user)
    await emitter.emit("membership", change, to=room(channel))
    return found


@router.delete("/{channel}/members/me", status_code=204)
async def leave(channel: ChannelName, user: UserDep, db: DatabaseDep, emitter: EmitterDep) -> None:
    """Leave a channel, with all devices."""
    await put_out(db, emitter, channel, user, by=user)


@router.delete("/{channel}/members/{name}", status_code=204)
async def kick(
    channel: ChannelName, name: Name, by: AdminDep, db: DatabaseDep, emitter: EmitterDep
) -> None:
    """Put somebody out of a channel, who may come back."""
    await put_out(db, emitter, channel, name, by=by)


async def put_out(db: Database, emitter: EmitterDep, channel: str, name: str, *, by: str) -> None:
    """Take somebody out of a channel, and tell all members, the one who goes included."""
    await in_thread(remove_member, db, channel, name)
    change = Membership(channel=channel, name=name, joined=False, by=by)
    # First out of the room: whoever hears of it and comes back at once is to stay in.
    await emitter.leave(to_user(name), room(channel))
    for whom in (room(channel), to_user(name)):
        await emitter.emit("membership", change, to=whom)


@events.on_connect
async def enter(socket: SocketDep, user: UserDep, db: DatabaseDep) -> None:
    """Put a socket into the rooms of its user's channels, before its client learns that it is connected."""
    channels = await in_thread(joined, db, user)
    for channel in channels:
        await socket.join(room(channel))
    # A kick that came meanwhile has put out all sockets but this one.
    for channel in channels - await in_thread(joined, db, user):
        await socket.leave(room(channel))


@events.on("typing", reload=False)
async def typing(channel: ChannelName, socket: SocketDep, user: UserDep) -> None:
    """Say that one types; what is lost of it is no loss."""
    if room(channel) not in socket.rooms:
        raise NotAMemberError
    told = Typing(channel=channel, name=user)
    await socket.emit("typing", told, to=room(channel), skip_self=True, volatile=True)


@events.on("read")
async def read(mark: ReadMark, user: UserDep, db: DatabaseDep, emitter: EmitterDep) -> None:
    """Note down how far one has read, and tell one's other devices."""
    if await in_thread(set_read, db, mark, user):
        await emitter.emit("read", mark, to=to_user(user))


def joined(db: Database, user: str) -> set[str]:
    """Return the channels that somebody is in."""
    found = db.rows("SELECT channel FROM member WHERE person = :user", user=user)
    return {each["channel"] for each in found}


def must_be_member(db: Database, channel: str, user: str) -> None:
    """Raise NotAMemberError unless somebody is a member."""
    query = "SELECT 1 FROM member WHERE channel = :channel AND person = :user"
    if db.row(query, channel=channel, user=user) is None:
        raise NotAMemberError


def add_channel(db: Database, new: NewChannel, user: str) -> None:
    """Store a channel with its first member; raises TakenError."""
    with db.transaction() as write:
        try:
            write.execute("INSERT INTO channel (name, topic) VALUES (?, ?)", (new.name, new.topic))
        except sqlite3.IntegrityError as error:
            raise TakenError from error
        write.execute("INSERT INTO member (channel, person) VALUES (?, ?)", (new.name, user))


def add_member(db: Database, channel: str, user: str) -> Channel:
    """Store that somebody is in a channel, to whom nothing of what is there is new."""
    with db.transaction() as write:
        write.execute(
            "INSERT OR IGNORE INTO member SELECT name, ?, last FROM channel WHERE name = ?",
            (user, channel),
        )
    found = db.row(f"{CHANNELS} WHERE channel.name = :it", user=user, it=channel)
    if found is None:
        raise NoSuchThingError
    return Channel(**found)


def remove_member(db: Database, channel: str, name: str) -> None:
    """Store that somebody is no longer in a channel."""
    with db.transaction() as write:
        gone = write.execute("DELETE FROM member WHERE channel = ? AND person = ?", (channel, name))
        if not gone.rowcount:
            raise NoSuchThingError


def set_read(db: Database, mark: ReadMark, user: str) -> bool:
    """Move a mark on, never back nor beyond the last message; return whether it moved."""
    with db.transaction() as write:
        moved = write.execute(
            "UPDATE member SET read = :number WHERE channel = :channel AND person = :user AND read < :number"
            " AND :number <= (SELECT last FROM channel WHERE name = :channel)",
            {**mark.model_dump(), "user": user},
        )
        return bool(moved.rowcount)
