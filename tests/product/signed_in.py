"""The turnstile, each session of which has a user from the moment that it is opened.

`make test-signed-in` runs the tests of the promises on it. No test of them signs in, and a sign-in would move
each session to another id: so the store writes the user with the new record, behind an entry in the index, as
a sign-in does.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app import Backend, Settings, UserIndex, composition
from app.sessions import Record, SessionStore
from app.sessions.changes import EMPTY
from app.sessions.ids import user_name
from app.sessions.sign_in import SignIn
from tests.support.issued import PEOPLE

_ENTRY_SECONDS = 86_400.0


def signed_in_at_opening(store: SessionStore) -> SessionStore:
    """Return a store that makes records with a user, where they are those of new sessions."""
    assert isinstance(store, UserIndex)
    create = store.create

    async def create_signed_in(key: str, data: bytes, **options: Any) -> Record:
        if data == EMPTY and options["idle"] != options["absolute"] and "owner" not in options:
            user = f"{key[:12]}@{PEOPLE}"
            at = await store.add_to_index(user_name(user), key, keep=_ENTRY_SECONDS)
            options["owner"] = SignIn(user, at, "Firefox on Linux", "192.0.2.1").pack()
        return await create(key, data, **options)

    store.create = create_signed_in  # type: ignore[method-assign] # of this one store
    return store


def _of_signed_in(settings: Settings) -> Callable[[], Backend]:
    make = _usual(settings)

    def made() -> Backend:
        backend = make()
        return replace(backend, store=signed_in_at_opening(backend.store))

    return made


_usual = composition._backend_factory
composition._backend_factory = _of_signed_in

from tests.product.turnstile import app, mooring  # noqa: E402 - it is to get these backends

app.include_router(mooring.devices_router())

__all__ = ["app", "mooring"]
