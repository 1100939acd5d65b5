"""What routes and events that need a user may ask for."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, SupportsFloat

from fastapi import Depends, Security
from starlette.requests import HTTPConnection

from ..asgi.provided import provides
from ..asgi.scope import USERS
from ..sessions import RecentSignInRequiredError, Session, SignInRequiredError
from .dependencies import OptionalSessionDep, find
from .marks import RECENT_SIGN_IN, SIGN_IN, Mark

SECONDS_PER_MINUTE = 60.0
_sign_in_mark = Mark(SIGN_IN)


@provides("users")
async def users(connection: HTTPConnection) -> Any:
    """Return the Users of the app's Mooring."""
    return find(connection, USERS)


async def user(
    session: OptionalSessionDep, _mark: Annotated[None, Security(_sign_in_mark)] = None
) -> str:
    """Return the user who is signed in; opens no session."""
    return _user_of(session)


def _user_of(session: Session | None) -> str:
    if session is None or session.user is None:
        raise SignInRequiredError
    return session.user


def recent_sign_in(minutes: SupportsFloat = 10) -> Callable[..., Awaitable[str]]:
    """Return a dependency that lets through whoever signed in within the last minutes.

    For what a stolen session must not be enough for: a new password, the end of other devices
    (OWASP ASVS 5.0, 7.5.1). A second `sign_in` of the same user renews the time.

        @app.delete("/account", dependencies=[Depends(recent_sign_in(minutes=5))])

    Args:
        minutes: how long ago the sign-in may be.

    Returns:
        A callable for `Depends`, whose value is the user. It raises SignInRequiredError (401) if nobody
        is signed in, RecentSignInRequiredError (403) if the sign-in is too long ago.

    Raises:
        ValueError: the minutes are not more than none.
    """
    minutes = float(minutes)
    if not minutes > 0:
        raise ValueError("recent_sign_in takes minutes, more than none")

    mark = Mark(RECENT_SIGN_IN, minutes)

    async def recently_signed_in(
        session: OptionalSessionDep, _mark: Annotated[None, Security(mark)] = None
    ) -> str:
        signed_in = _user_of(session)
        if session is None or _minutes_since_sign_in(session) > minutes:
            raise RecentSignInRequiredError(minutes)
        return signed_in

    return recently_signed_in


class _MinutesOfARequest:
    """Refuses a route at import, when FastAPI asks how to validate them."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        raise TypeError(
            "Depends(recent_sign_in) has no brackets, and would let everybody through: "
            "write Depends(recent_sign_in()), or Depends(recent_sign_in(minutes=5))"
        )


# FastAPI reads it where a route has `Depends(recent_sign_in)`; for all others it is a number.
recent_sign_in.__annotations__["minutes"] = Annotated[SupportsFloat, _MinutesOfARequest()]


def _minutes_since_sign_in(session: Session) -> float:
    """Return the age of a sign-in, both times by the store's clock."""
    signed_in_at = session.signed_in_at
    if signed_in_at is None:
        raise SignInRequiredError
    return (session.read_at - signed_in_at).total_seconds() / SECONDS_PER_MINUTE


UserDep = Annotated[str, Depends(user)]
"""The user who is signed in, by the id that `sign_in` was given; in events that of the socket's session.

If nobody is, it raises SignInRequiredError: 401 `sign-in-required`, or an error ack. It opens no session.
"""
