"""Whether anybody is left: a session that moves to another id in the midst of the look is not missed."""

from app.realtime.streams.audience import Audience
from app.realtime.targets import Target, to_user
from app.sessions import EndReason, MemoryStore
from app.sessions.ids import user_name
from app.sessions.sign_in import SignIn
from app.testing.contracts.store_base import new_key

ANN = user_name("ann")
OWNER = SignIn("ann", 0.0).pack()


async def sign_in(store: MemoryStore, key: str) -> None:
    await store.add_to_index(ANN, key, keep=60.0)
    await store.create(key, b"{}", idle=60.0, absolute=60.0, owner=OWNER)


class Rotating(MemoryStore):
    """A store on which a session is rotated right after its user's index has been read."""

    rotates: tuple[str, str] | None = None

    async def read_index(self, name: str) -> list[str]:
        found = await super().read_index(name)
        if self.rotates is not None:
            (old, new), self.rotates = self.rotates, None
            await sign_in(self, new)
            await self.end(old, EndReason.ROTATED, keep=60.0, successor=new)
        return found


async def test_a_rotation_between_index_and_record_is_no_end_of_the_user() -> None:
    store, old = Rotating(), new_key()
    await sign_in(store, old)
    audience = Audience(store, store, to_user("ann"))
    assert await audience.ended() is None
    store.rotates = (old, new_key())
    assert await audience.ended() is None


async def test_the_last_session_of_a_user_says_why() -> None:
    store, keys = MemoryStore(), [new_key(), new_key()]
    for key in keys:
        await sign_in(store, key)
    audience = Audience(store, store, to_user("ann"))
    for key, ended in zip(keys, (None, EndReason.LOGOUT), strict=True):
        assert await audience.ended() is None
        await store.end(key, EndReason.LOGOUT, keep=60.0)
        assert await audience.ended() == ended


async def test_another_user_s_session_under_the_same_index_counts_for_nothing() -> None:
    store, key = MemoryStore(), new_key()
    await store.add_to_index(ANN, key, keep=60.0)
    await store.create(key, b"{}", idle=60.0, absolute=60.0, owner=SignIn("bob", 0.0).pack())
    assert await Audience(store, store, to_user("ann")).ended() == EndReason.EXPIRED


async def test_a_session_has_ended_with_its_record() -> None:
    store, key = MemoryStore(), new_key()
    audience = Audience(store, store, Target("session", key))
    assert await audience.ended() == EndReason.EXPIRED
    await store.create(key, b"{}", idle=60.0, absolute=60.0)
    assert await audience.ended() is None
