"""P20: a request with an Idempotency-Key takes effect once, and its repeats get the first response."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Annotated, Any

import httpx
import pytest
from fastapi import (
    APIRouter,
    Body,
    Depends,
    FastAPI,
    Form,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import PlainTextResponse, StreamingResponse

from app import (
    Backend,
    EventRouter,
    MemoryStore,
    Mooring,
    SessionDep,
    Settings,
    idempotent,
)
from app.http.kept_response import MAX_BODY_BYTES, AnsweredBeforeError, KeptResponse
from app.sessions.attempt import UNKNOWN_AFTER_SECONDS
from app.sessions.stores.answers import LIMITS
from tests.sessions.handles import count_up
from tests.support.answering import LossyAnswers
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.http import http_client, problem, set_cookies
from tests.support.lossy_store import Fate
from tests.support.service import SECRET

KEY = {"idempotency-key": "a key of these tests"}
ONCE = [Depends(idempotent)]
LATE = {"within": 10.0}


class Shop:
    """Two nodes of one app on one store, and a browser that uses both."""

    def __init__(self, fast_paths: str) -> None:
        self.clock = Clock()
        self.memory = MemoryStore(clock=self.clock)
        self.store = LossyAnswers(self.memory)
        self.calls: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.answer: Callable[[], Any] = lambda: None
        settings: dict[str, Any] = {
            "session_store": "memory",
            "session_secrets": SECRET,
            "fast_paths": fast_paths,
        }
        self.apps = [self._app(), self._app()]
        for app in self.apps:
            Mooring(app, Settings(_env_file=None, **settings), backend=Backend(self.store))
            app.mount("/mounted", self._app())

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(ROUTES)
        app.state.shop = self
        return app


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


ShopDep = Annotated[Shop, Depends(_shop)]
ROUTES = APIRouter()
"""Those of every shop: to declare them takes longer than most of the tests."""


@ROUTES.post("/count", dependencies=ONCE)
@ROUTES.put("/count", dependencies=ONCE)
@ROUTES.post("/other", dependencies=ONCE)
async def _count(shop: ShopDep, session: SessionDep) -> int:
    shop.calls.append("count")
    await shop.open.wait()
    return await session.transact(count_up)


@ROUTES.post("/answer", dependencies=ONCE)
async def _answer(shop: ShopDep, session: SessionDep) -> Any:
    shop.calls.append("answer")
    await session.transact(count_up)
    return shop.answer()


@ROUTES.post("/json", dependencies=ONCE)
async def _json(session: SessionDep, _body: Annotated[Any, Body()]) -> int:
    return await session.transact(count_up)


@ROUTES.post("/form", dependencies=ONCE)
async def _form(session: SessionDep, name: Annotated[str, Form()], file: UploadFile) -> str:
    await session.transact(count_up)
    return f"{name} {(await file.read()).decode()}"


@ROUTES.post("/raw", dependencies=ONCE)
async def _raw(session: SessionDep, request: Request) -> int:
    await session.transact(count_up)
    return len(await request.body())


@ROUTES.post("/rotate", dependencies=ONCE)
async def _rotate(session: SessionDep) -> None:
    await session.rotate()


@ROUTES.get("/session", dependencies=ONCE)
async def _session(shop: ShopDep, session: SessionDep) -> int:
    shop.calls.append("session")
    return int(session.get("count", 0))


@pytest.fixture(params=["on", "off"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """The app, with its fast paths and without."""
    return Shop(request.param)


@pytest.fixture
async def nodes(shop: Shop) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of the two nodes, which share a jar, and have a session that counts nothing."""
    async with AsyncExitStack() as stack:
        clients = []
        for app in shop.apps:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = http_client("http://mooring.test", transport=transport)
            clients.append(await stack.enter_async_context(client))
        await clients[0].get("/session")
        clients[1].cookies = clients[0].cookies
        shop.calls.clear()
        yield clients


@pytest.fixture
def one(nodes: list[httpx.AsyncClient]) -> httpx.AsyncClient:
    """A client of the first node."""
    return nodes[0]


@pytest.fixture
def other(nodes: list[httpx.AsyncClient]) -> httpx.AsyncClient:
    """The same browser at the second node."""
    return nodes[1]


async def _counted(client: httpx.AsyncClient) -> int:
    return int((await client.get("/session")).text)


async def test_without_a_key_a_route_works_as_always(shop: Shop, one: httpx.AsyncClient) -> None:
    answers = [await one.post("/count") for _ in range(3)]
    assert [each.json() for each in answers] == [1, 2, 3]
    assert not any("idempotent-replayed" in each.headers for each in answers)
    assert len(shop.calls) == 3


@pytest.mark.parametrize("prefix", ["", "/mounted"])
async def test_a_repeat_gets_the_first_response_on_any_node(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient, prefix: str
) -> None:
    first = await one.post(f"{prefix}/count", headers=KEY)
    assert (first.status_code, first.json()) == (200, 1)
    assert "idempotent-replayed" not in first.headers
    await one.post(f"{prefix}/count")
    for client in (one, other):
        repeated = await client.post(f"{prefix}/count", headers=KEY)
        assert (repeated.status_code, repeated.content) == (200, b"1")
        marked = {**first.headers, "idempotent-replayed": "true"}
        assert dict(repeated.headers) == marked
    assert len(shop.calls) == 2
    assert await _counted(one) == 2


async def test_quotes_around_a_key_are_those_of_structured_fields(one: httpx.AsyncClient) -> None:
    for key in ("key of a test", '"key of a test"'):
        assert (await one.post("/count", headers={"idempotency-key": key})).json() == 1


@pytest.mark.parametrize(
    "key", ["", "1234567", '"1234567"', "x" * 65, "Zoë is no key", "a\ttabulator"]
)
async def test_what_is_no_key_is_refused(shop: Shop, one: httpx.AsyncClient, key: str) -> None:
    answer = await one.post("/count", headers={b"idempotency-key": key.encode("latin-1")})
    assert problem(answer) == (400, "invalid-idempotency-key")
    assert not shop.calls


async def test_a_key_without_a_session_is_refused_and_opens_none(
    shop: Shop, one: httpx.AsyncClient
) -> None:
    one.cookies.clear()
    for path in ("/count", "/mounted/count"):
        answer = await one.post(path, headers=KEY)
        assert problem(answer) == (400, "idempotency-needs-session")
        assert not set_cookies(answer)
    assert len(shop.memory) == 1
    assert not shop.calls


async def test_while_the_first_is_under_way_a_repeat_is_refused_and_later_gets_its_answer(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    shop.open.clear()
    first = asyncio.create_task(one.post("/count", headers=KEY))
    await eventually(lambda: _is(bool(shop.calls)), **LATE)
    for client in (one, other):
        answer = await client.post("/count", headers=KEY)
        assert problem(answer) == (409, "request-under-way")
        assert answer.headers["retry-after"] == "1"
    shop.open.set()
    assert (await first).json() == 1
    assert (await other.post("/count", headers=KEY)).json() == 1
    assert len(shop.calls) == 1


async def test_half_a_minute_later_the_first_is_taken_for_dead_until_it_answers(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    shop.open.clear()
    first = asyncio.create_task(one.post("/count", headers=KEY))
    await eventually(lambda: _is(bool(shop.calls)), **LATE)
    shop.clock.move(UNKNOWN_AFTER_SECONDS + 1)
    answer = await other.post("/count", headers=KEY)
    assert problem(answer) == (409, "outcome-unknown")
    assert "retry-after" not in answer.headers
    shop.open.set()
    await first
    assert (await other.post("/count", headers=KEY)).json() == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/count", b""),
        ("POST", "/other", b""),
        ("POST", "/count?x=1", b""),
        ("POST", "/count", b"x"),
    ],
)
async def test_another_request_with_the_key_is_refused(
    shop: Shop, one: httpx.AsyncClient, method: str, path: str, body: bytes
) -> None:
    await one.post("/count", headers=KEY)
    answer = await one.request(method, path, headers=KEY, content=body)
    assert problem(answer) == (422, "idempotency-key-reused")
    assert len(shop.calls) == 1


async def test_bodies_are_compared_however_the_route_reads_them(one: httpx.AsyncClient) -> None:
    for path in ("/json", "/raw"):
        key = {"idempotency-key": f"a key of {path}"}
        first, same, another = [
            await one.post(path, json=body, headers=key) for body in ({"a": 1}, {"a": 1}, {"a": 2})
        ]
        assert first.content == same.content
        assert problem(another) == (422, "idempotency-key-reused")
    assert await _counted(one) == 2


@pytest.mark.parametrize("path", ["/form", "/raw"])
async def test_the_boundary_of_a_form_makes_no_other_body_of_it(
    one: httpx.AsyncClient, path: str
) -> None:
    def sent(text: str, boundary: str) -> dict[str, Any]:
        kind = f"multipart/form-data; boundary={boundary}"
        return {
            "data": {"name": "Zoë"},
            "files": {"file": ("a.txt", text.encode())},
            "headers": {**KEY, "content-type": kind},
        }

    first = await one.post(path, **sent("text", "one-boundary"))
    assert first.status_code == 200
    if path == "/form":
        assert first.json() == "Zoë text"
    assert (await one.post(path, **sent("text", "two-boundary"))).content == first.content
    another = await one.post(path, **sent("test", "one-boundary"))
    assert problem(another) == (422, "idempotency-key-reused")
    assert await _counted(one) == 1


async def test_a_safe_method_takes_no_key(shop: Shop, one: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await one.get("/session", headers=KEY)).status_code == 200
    assert len(shop.calls) == 2


@pytest.mark.parametrize("status", [200, 201, 204, 303, 404, 409, 422])
async def test_an_answer_is_kept_with_the_fields_that_describe_it_and_no_cookie(
    shop: Shop, one: httpx.AsyncClient, status: int
) -> None:
    fields = {"location": "/x", "etag": '"1"', "x-of-the-app": "y", "x-session-token": "secret"}
    text = "" if status == 204 else "Zoë"

    def answer() -> Response:
        response = PlainTextResponse(text, status, fields)
        response.set_cookie("mine", "secret")
        return response

    shop.answer = answer
    first = await one.post("/answer", headers=KEY)
    assert set_cookies(first)
    repeated = await one.post("/answer", headers=KEY)
    assert (repeated.status_code, repeated.text) == (status, text)
    assert {name: repeated.headers.get(name) for name in fields} == {
        "location": "/x",
        "etag": '"1"',
        "x-of-the-app": None,
        "x-session-token": None,
    }
    assert not set_cookies(repeated)
    assert shop.calls == ["answer"]


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 503])
async def test_who_is_asked_to_come_again_is_served_again_and_counts_once(
    shop: Shop, one: httpx.AsyncClient, status: int
) -> None:
    def refuse() -> None:
        raise HTTPException(status)

    shop.answer = refuse
    assert (await one.post("/answer", headers=KEY)).status_code == status
    shop.answer = lambda: "now"
    for _ in range(2):
        assert (await one.post("/answer", headers=KEY)).json() == "now"
    assert shop.calls == ["answer"] * 2
    assert await _counted(one) == 1


async def test_after_an_error_of_the_app_a_repeat_is_served_again_and_counts_once(
    shop: Shop, one: httpx.AsyncClient
) -> None:
    def fail() -> None:
        raise LookupError("a fault of the app")

    shop.answer = fail
    assert (await one.post("/answer", headers=KEY)).status_code == 500
    shop.answer = lambda: "now"
    assert (await one.post("/answer", headers=KEY)).json() == "now"
    assert await _counted(one) == 1


@pytest.mark.parametrize("body", ["large", "stream"])
async def test_what_is_not_kept_is_served_again_and_counts_once(
    shop: Shop, one: httpx.AsyncClient, body: str
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"chunk"

    large = "x" * (MAX_BODY_BYTES + 1)
    shop.answer = lambda: (
        PlainTextResponse(large) if body == "large" else StreamingResponse(chunks())
    )
    for _ in range(2):
        answer = await one.post("/answer", headers=KEY)
        assert answer.text == (large if body == "large" else "chunk" * 3)
    assert shop.calls == ["answer"] * 2
    assert await _counted(one) == 1


STEPS = ["load", "claim", "commit_once", "keep"]


@pytest.mark.parametrize("fate", [Fate.REPLY_LOST, Fate.NOT_EXECUTED])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
async def test_a_first_that_was_answered_503_counts_once_with_its_repeats(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient, step: int, fate: Fate
) -> None:
    shop.store.fates = [*[Fate.ANSWERED] * step, fate]
    assert problem(await one.post("/count", headers=KEY)) == (503, "store-unavailable")

    async def repeated() -> httpx.Response:
        answer = await other.post("/count", headers=KEY)
        assert answer.status_code != 409
        return answer

    for _ in range(2):
        answer = await eventually(repeated, **LATE)
        assert (answer.status_code, answer.json()) == (200, 1)
    assert await _counted(one) == 1


async def test_a_key_is_released_when_the_store_is_back(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    """The store loses the commit, and the first releases of the key behind it."""
    shop.store.fates = [Fate.ANSWERED, Fate.ANSWERED, *[Fate.NOT_EXECUTED] * 3]
    assert (await one.post("/count", headers=KEY)).status_code == 503

    async def repeated() -> int:
        answer = await other.post("/count", headers=KEY)
        assert answer.status_code == 200
        return int(answer.json())

    assert await eventually(repeated, **LATE) == 1
    assert await _counted(one) == 1


@pytest.mark.parametrize("headers", [{}, KEY])
async def test_a_route_that_rotates_may_not_be_idempotent(
    shop: Shop, one: httpx.AsyncClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    before = dict(one.cookies)
    answer = await one.post("/rotate", headers=headers)
    assert answer.status_code == 500
    assert "an idempotent route cannot rotate the session" in caplog.text
    assert dict(one.cookies) == before
    assert await _counted(one) == 0


async def test_beyond_a_thousand_keys_a_new_one_is_refused(
    shop: Shop, one: httpx.AsyncClient
) -> None:
    assert (await one.post("/count", headers=KEY)).json() == 1
    [key] = shop.memory._answers
    for number in range(LIMITS.number - 1):
        assert await shop.memory.swap_answer(key, f"r:key {number}", b"") is None
    answer = await one.post("/count", headers={"idempotency-key": "one too many"})
    assert problem(answer) == (429, "too-many-idempotency-keys")
    assert 0 < int(answer.headers["retry-after"]) <= LIMITS.keep
    assert (await one.post("/count", headers=KEY)).json() == 1
    shop.clock.move(LIMITS.keep + 1)
    assert (await one.post("/count", headers=KEY)).json() == 2


async def test_a_request_that_is_cancelled_while_it_writes_late_releases_its_key(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for app in shop.apps:

        @app.post("/late", dependencies=ONCE)
        async def late(session: SessionDep) -> StreamingResponse:
            async def chunks() -> AsyncIterator[bytes]:
                yield b"said"
                session["late"] = True

            return StreamingResponse(chunks())

    async def hang(*_arguments: Any, **_options: Any) -> None:
        hangs.set()
        await asyncio.Event().wait()

    hangs = asyncio.Event()
    with monkeypatch.context() as patched:
        patched.setattr(shop.store, "commit", hang)
        first = asyncio.create_task(one.post("/late", headers=KEY))
        await hangs.wait()
        first.cancel()
        await asyncio.wait([first])
    assert (await other.post("/late", headers=KEY)).text == "said"


async def test_after_a_rotation_a_repeat_finds_the_answer(
    shop: Shop, one: httpx.AsyncClient
) -> None:
    for app in shop.apps:

        @app.post("/rotated")
        async def rotated(session: SessionDep) -> None:
            await session.rotate()

    assert (await one.post("/count", headers=KEY)).json() == 1
    await one.post("/rotated")
    assert (await one.post("/count", headers=KEY)).json() == 1
    assert len(shop.calls) == 1


async def test_a_request_that_a_rotation_overtakes_keeps_its_answer_under_the_new_id(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    held = asyncio.Event()
    for app in shop.apps:

        @app.post("/rotated")
        async def rotated(session: SessionDep) -> None:
            await session.rotate()

        @app.post("/held", dependencies=ONCE)
        async def hold(session: SessionDep) -> int:
            count = await session.transact(count_up)
            shop.calls.append("held")
            await held.wait()
            return count

    first = asyncio.create_task(one.post("/held", headers=KEY))
    await eventually(lambda: _is(bool(shop.calls)), **LATE)
    await other.post("/rotated")
    held.set()
    assert (await first).json() == 1
    assert (await other.post("/held", headers=KEY)).json() == 1
    assert len(shop.calls) == 1


async def test_a_request_that_a_rotation_refuses_is_done_by_its_repeat_under_the_new_id(
    shop: Shop, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    for app in shop.apps:

        @app.post("/rotated")
        async def rotated(session: SessionDep) -> None:
            await session.rotate()

    shop.open.clear()
    first = asyncio.create_task(one.post("/count", headers=KEY))
    await eventually(lambda: _is(bool(shop.calls)), **LATE)
    await other.post("/rotated")
    shop.open.set()
    assert problem(await first) == (409, "session-ended")
    # The claim may be on its way to the new id: then the repeat is told to come a little later.
    done = await eventually(lambda: _answered(other), **LATE)
    assert done is not None
    assert (done.status_code, done.json()) == (200, 1)
    assert (await other.post("/count", headers=KEY)).json() == 1


async def _answered(client: httpx.AsyncClient) -> httpx.Response | None:
    answer = await client.post("/count", headers=KEY)
    under_way = answer.status_code == 409 and answer.json()["type"] == "request-under-way"
    return None if under_way else answer


def test_a_status_without_a_phrase_can_be_repeated() -> None:
    """Starlette 1.0 raises a ValueError for it unless it is given a detail."""
    assert AnsweredBeforeError(KeptResponse(299, [], b"")).detail


def test_an_event_has_once_in_its_place() -> None:
    async def own(_once: Annotated[None, Depends(idempotent)]) -> None: ...

    async def pay(session: SessionDep) -> None: ...

    with pytest.raises(TypeError, match=r"own: .*once=True"):
        EventRouter().on("pay")(own)
    with pytest.raises(TypeError, match="once=True"):
        EventRouter(dependencies=ONCE).on("pay")(pay)


async def _is(condition: bool) -> bool:
    assert condition
    return condition
