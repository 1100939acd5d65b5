"""Signing in, who is there, and who may not come back."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi_mooring import EmitterDep, OptionalSessionDep, SessionDep, UserDep, UsersDep

from .config import Config, config
from .database import Database, DatabaseDep, in_thread
from .errors import AdminsOnlyError, BannedError, NoSuchThingError
from .models import Me, Membership, Name, Person, SignIn
from .rooms import room

router = APIRouter(tags=["people"])

FIRST = "general"
"""The channel that newcomers are in."""

ConfigDep = Annotated[Config, Depends(config)]


async def admin(user: UserDep, settings: ConfigDep) -> str:
    """Return the user, who is an admin."""
    if user not in settings.admins:
        raise AdminsOnlyError
    return user


AdminDep = Annotated[str, Depends(admin)]


@router.post("/sign-in")
async def sign_in(
    form: SignIn, session: SessionDep, db: DatabaseDep, settings: ConfigDep, emitter: EmitterDep
) -> Me:
    """Sign in by a name. There is no password: whoever says a name is believed."""
    is_new = await in_thread(remember, db, form.name)
    await session.sign_in(form.name)
    # A ban that came meanwhile has ended all sessions but this one: what is refused is decided afterwards.
    if await in_thread(is_banned, db, form.name):
        await session.destroy()
        raise BannedError
    if is_new:
        change = Membership(channel=FIRST, name=form.name, joined=True, by=form.name)
        await emitter.emit("membership", change, to=room(FIRST))
    return Me(name=form.name, admin=form.name in settings.admins)


@router.get("/me")
async def me(session: OptionalSessionDep, settings: ConfigDep) -> Me:
    """Who is signed in. Looking opens no session."""
    user = None if session is None else session.user
    return Me(name=user, admin=user in settings.admins)


@router.get("/people")
async def people(
    user: UserDep, users: UsersDep, db: DatabaseDep, settings: ConfigDep
) -> list[Person]:
    """Everybody, and who is there."""
    found = await in_thread(db.rows, "SELECT name, banned FROM person ORDER BY name")
    there = await asyncio.gather(*(users.online(each["name"]) for each in found))
    return [
        Person(**each, admin=each["name"] in settings.admins, online=online)
        for each, online in zip(found, there, strict=True)
    ]


@router.put("/people/{name}/ban", status_code=204)
async def ban(name: Name, by: AdminDep, users: UsersDep, db: DatabaseDep) -> None:
    """End somebody's sessions on all devices, and refuse the next sign-in."""
    if name == by:
        raise NoSuchThingError
    await in_thread(set_banned, db, name, True)
    await users.end(name)


@router.delete("/people/{name}/ban", status_code=204)
async def pardon(name: Name, by: AdminDep, db: DatabaseDep) -> None:
    """Let somebody come back."""
    await in_thread(set_banned, db, name, False)


def remember(db: Database, name: str) -> bool:
    """Note down who comes; return whether it is a newcomer, who is let into the first channel.

    Raises BannedError.
    """
    if is_banned(db, name):
        raise BannedError
    with db.transaction() as write:
        new = write.execute("INSERT OR IGNORE INTO person (name) VALUES (?)", (name,)).rowcount > 0
        if new:
            query = "INSERT INTO member SELECT name, ?, last FROM channel WHERE name = ?"
            write.execute(query, (name, FIRST))
    return new


def is_banned(db: Database, name: str) -> bool:
    """Return whether somebody may not sign in."""
    found = db.row("SELECT banned FROM person WHERE name = :name", name=name)
    return found is not None and bool(found["banned"])


def set_banned(db: Database, name: str, banned: bool) -> None:
    """Store whether somebody may sign in."""
    with db.transaction() as write:
        changed = write.execute("UPDATE person SET banned = ? WHERE name = ?", (banned, name))
        if not changed.rowcount:
            raise NoSuchThingError
