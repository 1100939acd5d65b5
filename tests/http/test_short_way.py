"""The short way: whatever it serves is answered as FastAPI would have answered it."""

from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http import errors
from app.http.dependencies import OpenerDep, RoomsDep, SessionDep
from app.http.last_resort import LastResort
from app.http.short_way import ShortWay
from app.sessions import SessionTooLargeError, StoreUnavailableError
from tests.http.conftest import Around


class View(BaseModel):
    """An answer with a default."""

    name: str
    number: int = 7


ROUTES = APIRouter()


@ROUTES.post("/incr")
async def incr(session: SessionDep) -> int:
    """Count."""
    session["count"] = session.get("count", 0) + 1
    count: int = session["count"]
    return count


@ROUTES.get("/view")
async def view(_session: SessionDep, rooms: RoomsDep) -> View:
    """A model."""
    return View(name=str(rooms))


@ROUTES.get("/coerced")
async def coerced() -> View:
    """A dict in place of a model."""
    return {"name": "a dict", "more": "is dropped"}  # type: ignore[return-value] # FastAPI makes a View of it


@ROUTES.get("/wrong")
async def wrong() -> View:
    """An answer that does not fit."""
    return {"number": "seven"}  # type: ignore[return-value] # what a bug would do


@ROUTES.post("/made", status_code=201)
async def made(_session: SessionDep) -> str:
    """Another status."""
    return "ä"


@ROUTES.post("/nothing", status_code=204)
async def nothing(opener: OpenerDep) -> Response:
    """A response of its own."""
    await opener.logout()
    return Response(status_code=204, headers={"x-own": "kept"})


@ROUTES.get("/teapot")
async def teapot(_session: SessionDep) -> int:
    """An error of FastAPI."""
    raise HTTPException(418, "short and stout", {"x-handle": "here"})


@ROUTES.get("/full")
async def full(_session: SessionDep) -> int:
    """An error of a session."""
    raise SessionTooLargeError(2, 1)


@ROUTES.get("/away")
async def away(_session: SessionDep) -> int:
    """An outage."""
    raise StoreUnavailableError("gone fishing")


@ROUTES.get("/broken")
async def broken(session: SessionDep) -> int:
    """A bug."""
    session["half"] = "done"
    raise LookupError("a secret detail")


@ROUTES.get("/later")
@ROUTES.get("/earlier")
async def twice() -> int:
    """Two paths."""
    return 2


PATHS = [
    ("POST", "/incr"),
    ("GET", "/view"),
    ("GET", "/coerced"),
    ("GET", "/wrong"),
    ("POST", "/made"),
    ("POST", "/nothing"),
    ("GET", "/teapot"),
    ("GET", "/full"),
    ("GET", "/away"),
    ("GET", "/broken"),
    ("GET", "/later"),
    ("GET", "/earlier"),
]
NOT_SHORT = [("GET", "/incr"), ("POST", "/incr/"), ("GET", "/nowhere"), ("HEAD", "/view")]


class Counted(FastAPI):
    """An app that tells how many requests came its way."""

    def __init__(self) -> None:
        super().__init__()
        self.state.rooms = "the rooms"
        errors.install(self)
        self.include_router(ROUTES)
        self.seen = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen += 1
        await super().__call__(scope, receive, send)

    def short(self) -> ASGIApp:
        """The app with the short way in front."""
        return LastResort(ShortWay(self, [ROUTES]))


@pytest.fixture
def counted() -> Counted:
    """An app of the test's own."""
    return Counted()


Client = Callable[[ASGIApp], httpx.AsyncClient]


@pytest.fixture
def client(around: Around) -> Client:
    """A client of an app with the session transport around it."""
    return lambda app: httpx.AsyncClient(
        transport=httpx.ASGITransport(around(app)), base_url="http://test", trust_env=False
    )


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, Any]]:
    """What a client is told, but for the value of a new cookie."""
    headers = dict(answer.headers)
    if "set-cookie" in headers:
        headers["set-cookie"] = headers["set-cookie"].partition(";")[2]
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_it_answers_as_the_long_way_does(
    method: str, path: str, counted: Counted, client: Client
) -> None:
    long = LastResort(counted)
    async with client(counted.short()) as short_client, client(long) as long_client:
        for long_ones in (1, 2):  # the second time with a cookie
            by_short = await short_client.request(method, path)
            by_long = await long_client.request(method, path)
            assert told(by_short) == told(by_long)
            assert counted.seen == long_ones, "the short way was not taken"


@pytest.mark.parametrize(("method", "path"), NOT_SHORT)
async def test_what_is_no_such_route_goes_the_long_way(
    method: str, path: str, counted: Counted, client: Client
) -> None:
    async with client(counted.short()) as one, client(LastResort(counted)) as other:
        answer = await one.request(method, path)
        assert counted.seen == 1
        assert told(answer) == told(await other.request(method, path))


def _with_query(router: APIRouter) -> None:
    @router.get("/taken")
    async def taken(_session: SessionDep, number: int = 3) -> int:
        return number


def _with_a_dependency(router: APIRouter) -> None:
    async def three() -> int:
        return 3

    @router.get("/taken")
    async def taken(number: Annotated[int, Depends(three)]) -> int:
        return number


def _of_a_route(router: APIRouter) -> None:
    async def nobody() -> None:
        return

    @router.get("/taken", dependencies=[Depends(nobody)])
    async def taken() -> int:
        return 3


def _with_a_filter(router: APIRouter) -> None:
    @router.get("/taken", response_model_exclude_none=True)
    async def taken() -> int:
        return 3


def _with_a_response(router: APIRouter) -> None:
    @router.get("/taken")
    async def taken(response: Response) -> int:
        response.headers["x-own"] = "kept"
        return 3


def _that_blocks(router: APIRouter) -> None:
    @router.get("/taken")
    def taken() -> int:
        return 3


@pytest.mark.parametrize(
    "add",
    [
        _with_query,
        _with_a_dependency,
        _of_a_route,
        _with_a_filter,
        _with_a_response,
        _that_blocks,
    ],
)
async def test_a_route_that_takes_anything_else_goes_the_long_way(
    add: Callable[[APIRouter], None], counted: Counted, client: Client
) -> None:
    router = APIRouter()
    add(router)
    counted.include_router(router)
    async with client(ShortWay(counted, [ROUTES, router])) as one:
        assert (await one.get("/taken")).json() == 3
    assert counted.seen == 1


async def test_overridden_dependencies_are_heard(counted: Counted, client: Client) -> None:
    async with client(counted.short()) as one:
        counted.dependency_overrides[lambda: None] = lambda: None
        assert (await one.post("/incr")).json() == 1
    assert counted.seen == 1


async def test_an_app_with_middleware_goes_the_long_way(counted: Counted, client: Client) -> None:
    @counted.middleware("http")
    async def mark(request: Any, call_next: Any) -> Any:
        answer = await call_next(request)
        answer.headers["x-marked"] = "yes"
        return answer

    async with client(counted.short()) as one:
        assert (await one.post("/incr")).headers["x-marked"] == "yes"


async def test_a_traced_process_goes_the_long_way(
    counted: Counted, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    async with client(counted.short()) as one:
        await one.post("/incr")
    assert counted.seen == 1


async def test_of_two_routes_with_one_path_the_first_is_served(client: Client) -> None:
    app, router = FastAPI(), APIRouter()

    @router.get("/same")
    async def first() -> int:
        return 1

    @router.get("/same")
    async def second() -> int:
        return 2

    async with client(ShortWay(app, [router])) as one:
        assert (await one.get("/same")).json() == 1
