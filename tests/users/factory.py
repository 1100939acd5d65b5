"""A product whose users sign in by name; there is no password, as it is a test's.

`new_product` makes one for a TestApp; tests/users/product.py has the one that processes serve.
"""

from contextlib import suppress
from typing import Annotated

from fastapi import (
    APIRouter,
    Body,
    Depends,
    FastAPI,
    HTTPException,
    WebSocket,
    WebSocketDisconnect,
)

from app import (
    EmitterDep,
    EventRouter,
    Mooring,
    OptionalSessionDep,
    Session,
    SessionDep,
    Settings,
    SocketDep,
    UserDep,
    UsersDep,
    recent_sign_in,
    to_user,
)
from tests.support.jittery_store import jittery_backend

routes = APIRouter()
events = EventRouter()


@routes.post("/login")
async def login(
    session: SessionDep,
    user: Annotated[str, Body()],
    label: Annotated[str | None, Body()] = None,
    absolute: Annotated[float | None, Body()] = None,
) -> str:
    """Sign in, and say under which key."""
    session["logins"] = session.get("logins", 0) + 1
    await session.sign_in(user, label=label, absolute=absolute)
    return session.key


@routes.post("/oidc")
async def oidc_login(session: SessionDep, claims: Annotated[dict[str, str], Body()]) -> str:
    """Sign in as an OpenID Connect client does after the provider's answer."""
    await session.sign_in(claims["sub"], oidc=claims)
    return session.key


@routes.post("/sign-out")
async def sign_out(session: SessionDep) -> None:
    """Sign out."""
    await session.sign_out()


@routes.get("/me")
async def me(user: UserDep) -> str:
    """Say who is signed in."""
    return user


@routes.get("/who")
async def who(session: OptionalSessionDep) -> dict[str, object]:
    """Say what is known, to anybody."""
    if session is None:
        return {}
    return {
        "user": session.user,
        "signed_in_at": session.signed_in_at,
        "logins": session.get("logins"),
    }


@routes.delete("/account", dependencies=[Depends(recent_sign_in(minutes=5))])
async def delete_account(user: UserDep, users: UsersDep) -> int:
    """Delete an account."""
    return await users.forget(user)


@routes.post("/ban/{user}")
async def ban(user: str, users: UsersDep) -> int:
    """End a user everywhere. (An admin's; here anybody is one.)"""
    return await users.end(user)


@routes.get("/sessions/{user}")
async def sessions(user: str, users: UsersDep) -> dict[str, int]:
    """Say which sessions a user has, and how many sockets each."""
    return {each.key: each.sockets for each in await users.sessions(user)}


@routes.get("/online/{user}")
async def online(user: str, users: UsersDep) -> bool:
    """Say whether a user is there."""
    return await users.online(user)


@routes.websocket("/ws")
async def echo(websocket: WebSocket, user: UserDep) -> None:
    """Say who is signed in, then echo."""
    await websocket.accept()
    await websocket.send_text(user)
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())


@routes.post("/tell/{user}")
async def tell(user: str, emitter: EmitterDep) -> int:
    """Send a message to all sockets of a user, and count them."""
    await emitter.emit("told", "hello", to=to_user(user))
    return await emitter.count(to_user(user))


@routes.post("/kick/{user}")
async def kick(user: str, emitter: EmitterDep) -> None:
    """Disconnect all sockets of a user; the sessions go on."""
    await emitter.disconnect(to_user(user))


@events.on("whoami")
async def whoami(session: Session) -> str | None:
    """Say who is signed in."""
    return session.user


@events.on("since")
async def since(session: Session) -> list[object]:
    """Say who is signed in, and since when."""
    at = session.signed_in_at
    return [session.user, None if at is None else at.timestamp()]


events.sends("told", str, description="A message to a user.")


@events.on("sign in")
async def sign_in(session: Session) -> None:
    """Try what a socket cannot do."""
    try:
        await session.sign_in("ann")
    except Exception as error:
        raise HTTPException(400, type(error).__name__) from error


@events.on("sign out")
async def sign_out_event(session: Session) -> None:
    """Sign out by an event."""
    await session.sign_out()


async def signed_in(user: UserDep) -> str:
    """Let in who is signed in."""
    return user


members = EventRouter(namespace="/members", dependencies=[Depends(signed_in)])


@members.on("whoami")
async def member_whoami(user: UserDep, socket: SocketDep) -> list[str | None]:
    """Say who is signed in, by the dependency and by the socket."""
    return [user, socket.user]


@members.on("secret")
async def secret(_user: Annotated[str, Depends(recent_sign_in(minutes=10))]) -> str:
    """Tell who signed in lately."""
    return "told"


def new_product(settings: Settings) -> Mooring:
    """Return the Mooring of a new app."""
    app = FastAPI()
    mooring = Mooring(app, settings, backend=jittery_backend(settings))
    mooring.include_router(events)
    mooring.include_router(members)
    app.include_router(routes)
    app.include_router(mooring.session_router())
    app.include_router(mooring.devices_router())
    app.include_router(mooring.health_router())
    app.include_router(mooring.metrics_router())
    return mooring
