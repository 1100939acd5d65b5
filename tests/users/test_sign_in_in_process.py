"""What a sign-in takes and refuses, on the memory store."""

import pytest

from app.sessions import (
    MemoryStore,
    Policy,
    RotationImpossibleError,
    Session,
    SessionEndedError,
    SessionManager,
)
from app.sessions.usage import Usage, Visitor
from tests.sessions.handles import again
from tests.support.clock import Clock

TEN_YEARS = 10 * 365 * 24 * 3600.0


@pytest.fixture
def clock() -> Clock:
    """The store's."""
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> SessionManager:
    """Sessions on that store."""
    store = MemoryStore(clock=clock)
    return SessionManager(store, Policy(idle=600, absolute=3600), store)


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A visitor's."""
    return await sessions.create()


@pytest.mark.parametrize("absolute", [0.0, -1.0, TEN_YEARS, float("inf"), float("nan")])
async def test_a_lifetime_of_nothing_or_of_ten_years_is_refused(
    session: Session, absolute: float
) -> None:
    key = session.key
    with pytest.raises(ValueError, match=r"absolute: .*less than 3\.1536e\+08"):
        await session.sign_in("ann", absolute=absolute)
    assert (session.key, session.user) == (key, None)


@pytest.mark.parametrize("absolute", [1.0, 0.5, TEN_YEARS - 1])
async def test_a_lifetime_counts_from_the_sign_in(
    clock: Clock, sessions: SessionManager, session: Session, absolute: float
) -> None:
    clock.move(60)
    session = await again(sessions, session)
    await session.sign_in("ann", absolute=absolute)
    assert session.max_age == pytest.approx(absolute)
    assert session.expires_at.timestamp() == pytest.approx(clock() + absolute)


@pytest.mark.parametrize("finds_users", [True, False], ids=["with an index", "without one"])
async def test_a_sign_in_at_the_end_of_a_long_request_counts_from_then(
    clock: Clock, finds_users: bool
) -> None:
    store = MemoryStore(clock=clock)
    index = store if finds_users else None
    sessions = SessionManager(store, Policy(idle=600, absolute=3600), index)
    session = await sessions.create()
    clock.move(300)  # of a check by somebody else's server
    began = clock()
    await session.sign_in("ann", absolute=60)
    assert session.signed_in_at is not None
    assert session.signed_in_at.timestamp() == pytest.approx(began)
    assert session.max_age == pytest.approx(60)
    clock.move(59)
    await session.reload()
    clock.move(1)
    with pytest.raises(SessionEndedError):
        await session.reload()


async def test_what_is_known_of_the_client_is_kept(sessions: SessionManager) -> None:
    usage = Usage()
    usage.visitor = lambda: Visitor("Firefox", "10.0.0.1")
    session = await sessions.create(usage)
    claims = {"iss": "https://id.example", "sub": "7", "sid": "s"}
    await session.sign_in("ann", oidc=claims)
    owner = (await sessions.load_live(session.key)).owner
    assert owner is not None
    for text in ('"ann"', '"Firefox"', '"10.0.0.1"', '["https://id.example","7","s"]'):
        assert text in owner
    assert '"r"' not in owner, "it is not to be remembered"
    await session.sign_in("ann", label="work")
    assert '"l":"work"' in str((await sessions.load_live(session.key)).owner)


@pytest.mark.parametrize("why", ["idempotent", "a socket", "answered"])
async def test_where_no_cookie_can_follow_nobody_signs_in(
    sessions: SessionManager, why: str
) -> None:
    usage = Usage()
    session = await sessions.create(usage)
    if why == "a socket":
        session = sessions.attach(session.key, session._record, usage)
    usage.idempotent, usage.answered = why == "idempotent", why == "answered"
    texts = {
        "idempotent": "idempotent route",
        "a socket": "socket cannot carry",
        "answered": "response has started",
    }
    with pytest.raises(RotationImpossibleError, match=texts[why]):
        await session.sign_in("ann")
    assert session.user is None


async def test_a_sign_in_ends_the_oldest_of_the_user(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    sessions = SessionManager(store, Policy(idle=600, absolute=3600, max_per_user=1), store)
    first, second = await sessions.create(), await sessions.create()
    await first.sign_in("ann")
    clock.move(1)
    await second.sign_in("ann")
    assert [each.user for each in (first, second)] == ["ann", "ann"]
    with pytest.raises(Exception, match="ended"):
        await first.reload()
    await second.reload()
