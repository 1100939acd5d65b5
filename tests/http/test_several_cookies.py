"""A browser that has our cookie in several variants, because the settings were others before."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.backends import Backend
from app.http.cookies import CookieAttributes, SessionCookie
from app.sessions import SCOPE_KEY, CookieSigner, MemoryStore, SessionManager
from app.sessions.ids import new_session_id
from tests.http.conftest import COOKIE, Ask
from tests.support.clock import Clock
from tests.support.http import SetCookie, set_cookies
from tests.support.in_process import in_process
from tests.support.service import SECRET

Variant = tuple[str | None, bool]

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
DOMAIN = "shop.example"
FORMER = ("mooring.test", "old.example")
MOST = 2 * (len(FORMER) + 2)
"""Set-Cookie fields of one response."""

ABOVE: dict[str, tuple[dict[str, Any], list[Variant]]] = {
    "a domain": (
        {"session_cookie_domain": DOMAIN},
        [(None, False), (FORMER[0], False), (FORMER[1], False)],
    ),
    "a domain with a dot, over TLS": (
        {"session_cookie_domain": f".{DOMAIN}", "session_cookie_secure": True},
        [(None, False), (DOMAIN, True), (FORMER[0], True)],
    ),
    "no domain any more": ({}, [(FORMER[0], False), (FORMER[1], False)]),
    "no domain, over TLS": ({"session_cookie_secure": True}, [(None, True)]),
    "partitioned": (
        {
            "session_cookie_secure": True,
            "session_cookie_samesite": "none",
            "session_cookie_partitioned": True,
        },
        [(None, False)],
    ),
}


@dataclass
class Jar:
    """The cookies of one name: as browsers keep them apart, sent in the order of their creation."""

    name: str
    kept: dict[Variant, str] = field(default_factory=dict)

    @property
    def header(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{self.name}={value}" for value in self.kept.values())}

    def receive(self, response: httpx.Response) -> list[SetCookie]:
        received = set_cookies(response)
        for each in received:
            assert each.name == self.name
            domain = each.attributes.get("domain")
            key = (domain.removeprefix(".") if domain else None, "partitioned" in each.attributes)
            if each.clears:
                self.kept.pop(key, None)
            else:
                self.kept[key] = each.value
        return received


def _signed(session_id: str) -> str:
    return CookieSigner([SECRET]).sign(session_id)


@pytest.mark.parametrize(("now", "before"), ABOVE.values(), ids=ABOVE)
@pytest.mark.parametrize("path", ["/session", HANDSHAKE])
@pytest.mark.parametrize("order", ["live first", "dead first"])
async def test_the_live_session_is_served_and_one_cookie_is_left(
    now: dict[str, Any], before: list[Variant], path: str, order: str
) -> None:
    async with in_process(session_cookie_former_domains=FORMER, **now) as client:
        first = await client.post("/incr")
        [current] = set_cookies(first)
        client.cookies.clear()
        own = Jar(current.name)
        own.receive(first)
        [variant] = own.kept
        jar = Jar(current.name)
        for each in [variant, *before] if order == "live first" else [*before, variant]:
            jar.kept[each] = current.value if each == variant else _signed(new_session_id())

        received = jar.receive(await client.get(path, headers=jar.header))
        assert len(received) <= MOST
        # A browser that does not know Partitioned takes two variants for one: what comes last stays.
        assert [each.clears for each in received] == [True] * (len(received) - 1) + [False]
        for cookie in received:
            assert cookie.attributes["path"] == "/"
            assert ("secure" in cookie.attributes) == bool(now.get("session_cookie_secure"))
        again = await client.post("/incr", headers=jar.header)

    assert jar.kept == {variant: current.value}
    assert (again.json(), set_cookies(again)) == (2, [])


async def test_a_live_one_from_before_the_change_is_kept_and_set_anew() -> None:
    jar = Jar("session")
    async with in_process(session_cookie_domain=DOMAIN) as client:
        value = set_cookies(await client.post("/incr"))[0].value
        client.cookies.clear()
        jar.kept = {(None, False): value, (DOMAIN, False): _signed(new_session_id())}

        answer = await client.post("/incr", headers=jar.header)

    jar.receive(answer)
    assert answer.json() == 2
    assert jar.kept == {(DOMAIN, False): value}


async def test_two_that_live_stay_as_they_are_and_the_first_is_used() -> None:
    async with in_process() as client:
        values = []
        for count in (1, 2):
            cookie = set_cookies(await client.post("/incr"))[0]
            for _ in range(1, count):
                await client.post("/incr", headers={"cookie": cookie.pair})
            values.append(cookie.pair)
            client.cookies.clear()
        for order, count in ((values, 1), (values[::-1], 2)):
            answer = await client.get("/session", headers={"cookie": "; ".join(order)})
            assert (answer.json()["count"], set_cookies(answer)) == (count, [])


async def test_a_rotation_while_a_request_is_served_is_not_undone_by_its_response(
    ask: Ask, sessions: SessionManager
) -> None:
    session = await sessions.create()
    assert session.id is not None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await scope[SCOPE_KEY].get_or_create()
        if scope["path"] == "/rotated":
            await session.rotate()
        await Response()(scope, receive, send)

    pairs = [COOKIE.set(each, 60).partition(";")[0] for each in (new_session_id(), session.id)]
    async with ask(app, cookie="; ".join(pairs)) as client:
        assert [each.pair for each in set_cookies(await client.get("/"))] == pairs[1:]
        assert set_cookies(await client.get("/rotated")) == []


async def test_after_a_logout_with_several_none_signs_in_again() -> None:
    jar = Jar("session")
    async with in_process(session_cookie_domain=DOMAIN) as client:
        for variant in ((None, False), (DOMAIN, False)):
            jar.kept[variant] = set_cookies(await client.post("/incr"))[0].value
            client.cookies.clear()
        sent = jar.header
        assert jar.receive(await client.post("/logout", headers=sent))
        assert jar.kept == {}
        for value in sent["cookie"].split("; "):
            answer = await client.get("/session", headers={"cookie": value})
            assert answer.status_code == 409


async def test_a_handshake_and_its_polls_may_come_with_several() -> None:
    async with in_process() as client:
        live = set_cookies(await client.post("/incr"))[0].pair
        client.cookies.clear()
        dead = f"session={_signed(new_session_id())}"
        for header in (f"{live}; {dead}", f"{dead}; {live}"):
            cookie = {"cookie": header}
            opened = await client.get(HANDSHAKE, headers=cookie)
            sid = opened.text.split('"')[3]
            for sent in (header, live):
                joined = await client.post(
                    f"{HANDSHAKE}&sid={sid}", content="40/no,", headers={"cookie": sent}
                )
                assert joined.status_code == 200
            foreign = await client.post(
                f"{HANDSHAKE}&sid={sid}", content="40/no,", headers={"cookie": dead}
            )
            assert foreign.status_code == 403


@pytest.mark.parametrize("many", [1, 4, 60])
async def test_the_number_of_set_cookie_fields_is_bounded_however_many_are_sent(many: int) -> None:
    header = "; ".join(f"session={_signed(new_session_id())}" for _ in range(many))
    async with in_process(
        session_cookie_domain=DOMAIN, session_cookie_former_domains=FORMER
    ) as client:
        answer = await client.get("/session", headers={"cookie": header})

    # With one cookie it is the one that is set.
    assert len(set_cookies(answer)) == (1 if many == 1 else 2 + len(FORMER))


@pytest.mark.parametrize("many", [1, 4, 5, 12])
async def test_a_browser_with_dead_cookies_that_nothing_clears_keeps_a_session(many: int) -> None:
    """Set on another path, say, or for a domain that is not in the settings."""
    dead = [f"session={_signed(new_session_id())}" for _ in range(many)]
    jar = Jar("session")
    counts = []
    async with in_process() as client:
        for _ in range(8):
            header = "; ".join([*dead, *jar.header["cookie"].split("; ")])
            answer = await client.post("/incr", headers={"cookie": header})
            client.cookies.clear()
            jar.receive(answer)
            counts.append(answer.json())
    assert counts[-4:] == list(range(counts[-4], counts[-4] + 4)), counts
    assert counts.count(1) <= 1 + many // 4


domains = st.sampled_from([None, DOMAIN, f".{DOMAIN}", *FORMER])


@given(
    secure=st.booleans(),
    domain=domains,
    partitioned=st.booleans(),
    former=st.lists(domains.filter(bool), max_size=8),
)
def test_every_other_variant_of_the_name_is_cleared_once_and_never_the_one_in_use(
    secure: bool, domain: str | None, partitioned: bool, former: list[str]
) -> None:
    attributes = CookieAttributes(
        secure=secure,
        domain=domain,
        partitioned=partitioned and secure,
        former_domains=tuple(former),
    )
    jar = Jar(attributes.full_name)
    places = [domain] if attributes.full_name.startswith("__Host-") else [None, domain, *former]
    for place in places:
        for apart in (False, True) if secure else (False,):
            jar.kept[place.removeprefix(".") if place else None, apart] = "x"
    before = len(jar.kept)

    cookie = SessionCookie(attributes, CookieSigner(["secret"]))
    fields = [("set-cookie", each) for each in cookie.clear_others()]
    jar.receive(httpx.Response(200, headers=fields))

    own = domain.removeprefix(".") if domain else None
    assert jar.kept == {(own, attributes.partitioned): "x"}
    assert len(fields) == before - 1 <= 2 * (len(former) + 2)


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["live", "unknown", "ended"]), min_size=2, max_size=4),
    secure=st.booleans(),
)
async def test_from_any_jar_one_cookie_is_left_and_a_live_session_is_never_lost(
    kinds: list[str], secure: bool
) -> None:
    clock = Clock()
    places: list[Variant] = [(DOMAIN, False), (None, False), (FORMER[0], False), (FORMER[1], False)]
    backend = Backend(MemoryStore(clock=clock))
    jar = Jar("session")
    async with in_process(
        backend=backend,
        session_cookie_secure=secure,
        session_cookie_domain=DOMAIN,
        session_cookie_former_domains=FORMER,
    ) as client:
        for kind, place in zip(kinds, places, strict=False):
            made = set_cookies(await client.post("/incr"))[0]
            client.cookies.clear()
            if kind == "ended":
                await client.post("/logout", headers={"cookie": made.pair})
            jar.kept[place] = _signed(new_session_id()) if kind == "unknown" else made.value
        clock.move(6)
        jar.receive(await client.get("/session", headers=jar.header))
        answer = await client.get("/session", headers=jar.header)
        jar.receive(answer)
        assert answer.json()["count"] == (1 if "live" in kinds else 0)
    live = kinds.count("live")
    assert len(jar.kept) == (1 if live < 2 else len(kinds))
