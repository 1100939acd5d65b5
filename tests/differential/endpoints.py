"""Endpoints of generated apps; each notes that it was called."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Receive, Scope, Send

from app.dependencies import EmitterDep, OptionalSessionDep, SessionDep
from app.http.dependencies import RequestSessionDep
from tests.differential.parts import ChainedError, Note, Part, SoldOutError


class View(BaseModel):
    """A response with an alias, defaults, and a validator that notes its calls."""

    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(alias="theName")
    number: int = 7
    nothing: str | None = None

    @field_validator("name")
    @classmethod
    def _shout(cls, value: str) -> str:
        return value + "!"


class Own(JSONResponse):
    """A response class with a field of its own."""

    media_type = "application/own+json"

    def __init__(self, content: Any, **options: Any) -> None:
        super().__init__(content, **options)
        self.headers["X-Own"] = "yes"


class LateError(Response):
    """A response that fails when it has started."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise SoldOutError("late")


def endpoint(kind: str, note: Note) -> Part:
    """Return a new endpoint; it notes its kind when it is called."""
    made: dict[str, Part] = {
        **_plain(note),
        **_responding(note),
        **_loose(note),
        **_streaming(note),
        **_failing(note),
        **_taking(note),
        **_counting(note),
        **_ending(note),
    }
    return made[kind]


def _named(*made: Part) -> dict[str, Part]:
    return {part.__name__: part for part in made}


def _plain(note: Note) -> dict[str, Part]:
    async def number() -> int:
        note("number")
        return 3

    def number_sync() -> int:
        note("number_sync")
        return 4

    async def model() -> View:
        note("model")
        return View.model_validate({"theName": "a model", "number": 1})

    async def dict_for_model() -> View:
        note("dict_for_model")
        return {"theName": "a dict", "more": "is dropped"}  # type: ignore[return-value] # FastAPI validates it

    async def wrong() -> View:
        note("wrong")
        return {"number": "seven"}  # type: ignore[return-value] # what a bug would do

    class Instance:
        async def __call__(self) -> int:
            note("callable")
            return 5

    made = _named(number, number_sync, model, dict_for_model, wrong)
    return made | {"callable": Instance()}


def _loose(note: Note) -> dict[str, Part]:
    async def nothing() -> None:
        note("nothing")

    async def untyped():  # type: ignore[no-untyped-def] # that is the point
        note("untyped")
        return {"un": ["typed", 1]}

    return _named(nothing, untyped)


def _streaming(note: Note) -> dict[str, Part]:
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            note("streaming")
            yield b"two"

        return StreamingResponse(parts())

    async def rows() -> AsyncIterator[int]:
        note("rows")
        yield 1
        yield 2

    def events() -> Iterator[View]:
        note("events")
        yield View.model_validate({"theName": "row"})

    return _named(stream, rows, events)


def _responding(note: Note) -> dict[str, Part]:
    async def response() -> Response:
        note("response")
        return Response(b"own", 202, {"X-Case": "Kept", "x-second": "2"}, "text/own")

    async def json_response() -> JSONResponse:
        note("json_response")
        return JSONResponse({"a": 1}, 201)

    async def background() -> Response:
        return PlainTextResponse("then", background=BackgroundTask(note, "background"))

    async def cookie() -> Response:
        kept = PlainTextResponse("cookie")
        kept.set_cookie("own", "1")
        return kept

    return _named(response, json_response, background, cookie)


def _failing(note: Note) -> dict[str, Part]:
    def raising(error: Callable[[], Exception]) -> Part:
        async def fail() -> int:
            note("fail")
            raise error()

        return fail

    async def late() -> Response:
        return LateError()

    return {
        "late": late,
        "teapot": raising(lambda: HTTPException(418, {"code": "out-of-tea"}, {"X-Handle": "here"})),
        "missing": raising(lambda: StarletteHTTPException(404, "gone fishing")),
        "sold_out": raising(lambda: SoldOutError("sold out")),
        "chained": raising(lambda: ChainedError("first")),
        "value_error": raising(lambda: ValueError("a secret detail")),
        "crash": raising(lambda: LookupError("a bug")),
    }


def _taking(note: Note) -> dict[str, Part]:
    async def request(request: Request) -> str:
        note(f"request {request.url.path}")
        return request.method

    async def query(number: int = 3) -> int:
        note("query")
        return number

    async def body(view: View) -> View:
        note("body")
        return view

    async def tasks(tasks: BackgroundTasks) -> int:
        tasks.add_task(note, "task")
        return 1

    async def response_param(response: Response) -> int:
        response.status_code = 203
        response.headers["X-Param"] = "yes"
        return 1

    async def three() -> int:
        return 3

    async def dependency(number: Annotated[int, Depends(three)]) -> int:
        note("dependency")
        return number

    return _named(request, query, body, tasks, response_param, dependency)


def _one_more(note: Note) -> Callable[[Any], int]:
    def one_more(session: Any) -> int:
        session["count"] = session.get("count", 0) + 1
        note(f"count {session['count']}")
        count: int = session["count"]
        return count

    return one_more


def _counting(note: Note) -> dict[str, Part]:
    one_more = _one_more(note)

    async def count(session: SessionDep) -> int:
        return one_more(session)

    def count_sync(session: SessionDep) -> int:
        return one_more(session)

    async def count_optional(session: OptionalSessionDep) -> int:
        return -1 if session is None else one_more(session)

    async def count_update(session: SessionDep, again: SessionDep) -> int:
        note(f"the same: {session is again}")
        return await session.transact(one_more)

    async def write(session: SessionDep) -> None:
        one_more(session)

    return _named(count, count_sync, count_optional, count_update, write)


def _ending(note: Note) -> dict[str, Part]:
    one_more = _one_more(note)

    async def write_then_fail(session: SessionDep) -> int:
        one_more(session)
        raise LookupError("after a write")

    async def write_then_sold_out(session: SessionDep) -> int:
        one_more(session)
        raise SoldOutError("after a write")

    async def logout(request_session: RequestSessionDep) -> Response:
        await request_session.logout()
        return Response(status_code=204)

    async def rotate(session: SessionDep) -> int:
        await session.rotate()
        return one_more(session)

    async def emit(session: SessionDep, emitter: EmitterDep) -> int:
        await emitter.publish("count", 1, session=session)
        return await emitter.count(session)

    async def keep_request_session(request_session: RequestSessionDep) -> bool:
        return await request_session.get() is not None

    return _named(write_then_fail, write_then_sold_out, logout, rotate, emit, keep_request_session)
