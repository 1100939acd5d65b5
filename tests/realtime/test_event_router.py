"""Declarations of events: what handlers are given, and what is refused at import."""

import threading
from datetime import date, datetime
from enum import Enum
from functools import partial
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app import EmitterDep, OptionalSessionDep, SessionDep
from app.http.dependencies import session as own_session
from app.realtime.bodies import Body, read_body, write_body
from app.realtime.emitter import Emitter
from app.realtime.events import EventContext, EventRouter, InvalidPayloadError
from app.sessions import Session

CONTEXT = EventContext(Mock(spec=Session), Mock(spec=Emitter), "a sid")


class Line(BaseModel):
    """An argument with fields."""

    text: str


class Colour(Enum):
    """An argument of a few values."""

    RED = "red"


class Visit(BaseModel):
    """An argument with a time."""

    at: datetime
    photo: bytes | None


async def call(router: EventRouter, name: str, *arguments: Any) -> Any:
    """Handle an event."""
    event = router.get(name)
    assert event is not None
    return await event(CONTEXT, arguments)


async def test_a_first_parameter_without_annotation_is_given_the_context() -> None:
    router = EventRouter()

    @router.on("plain")
    async def plain(context, number: int) -> bool:  # type: ignore[no-untyped-def] # as is the point
        return context is CONTEXT and number == 1

    @router.on("annotated")
    async def annotated(context: EventContext) -> bool:
        return context is CONTEXT

    assert await call(router, "plain", 1) is True
    assert await call(router, "annotated") is True


async def test_session_and_emitter_are_given_wherever_they_stand() -> None:
    router = EventRouter()
    given: list[Any] = []

    @router.on("all")
    async def every(
        first: int,
        session: SessionDep,
        line: Line,
        emitter: EmitterDep,
        optional: OptionalSessionDep,
        *,
        bare: Session,
        union: Session | None,
        context: EventContext,
    ) -> str:
        given.extend([session, emitter, optional, bare, union, context])
        return f"{first} {line.text}"

    assert await call(router, "all", 1, {"text": "two"}) == "1 two"
    session, emitter, _sid = CONTEXT
    assert given == [session, emitter, session, session, session, CONTEXT]


async def test_a_handler_may_take_nothing_at_all() -> None:
    router = EventRouter()

    @router.on("ping")
    async def ping() -> str:
        return "pong"

    assert await call(router, "ping") == "pong"
    with pytest.raises(InvalidPayloadError, match="'ping' takes 0 arguments, not 1"):
        await call(router, "ping", 1)


async def test_an_argument_that_was_taken_for_the_context_is_named_to_who_sends_it() -> None:
    router = EventRouter()

    @router.on("say")
    async def say(text) -> str:  # type: ignore[no-untyped-def] # what is tested
        return str(text)

    @router.on("shout")
    async def shout(context: EventContext) -> str:
        return context.sid

    taken = "'say' takes 0 arguments, not 1: 'text' has no annotation, so it is given the event's context"
    with pytest.raises(InvalidPayloadError, match=taken):
        await call(router, "say", "ahoy")
    with pytest.raises(InvalidPayloadError, match=r"'shout' takes 0 arguments, not 1$"):
        await call(router, "shout", "ahoy")


async def test_a_dependency_as_a_default_is_recognised() -> None:
    router = EventRouter()

    @router.on("old style")
    async def old_style(session: Session = Depends(own_session)) -> bool:  # noqa: B008 - FastAPI's older form
        return session is CONTEXT.session

    assert await call(router, "old style") is True


async def test_arguments_are_validated_strictly_by_name() -> None:
    router = EventRouter()

    @router.on("say")
    async def say(room: str, line: Line) -> Line:
        return line

    assert await call(router, "say", "room", {"text": "words"}) == {"text": "words"}
    with pytest.raises(InvalidPayloadError, match="room: Input should be a valid string"):
        await call(router, "say", 1, {"text": "words"})
    with pytest.raises(InvalidPayloadError, match=r"line\.text: Field required"):
        await call(router, "say", "room", {})


async def test_arguments_with_a_default_may_be_left_out() -> None:
    router = EventRouter()

    @router.on("move")
    async def move(session: SessionDep, x: int, y: int = 5, *, emitter: EmitterDep) -> list[int]:
        assert (session, emitter) == CONTEXT[:2]
        return [x, y]

    @router.on("call")
    async def call_out(name: str = "nobody") -> str:
        return name

    assert await call(router, "move", 1) == [1, 5]
    assert await call(router, "move", 1, 2) == [1, 2]
    assert await call(router, "call") == "nobody"
    for arguments in ((), (1, 2, 3)):
        with pytest.raises(InvalidPayloadError, match="'move' takes 1 to 2 arguments, not "):
            await call(router, "move", *arguments)


async def test_all_further_arguments_go_to_a_variadic_parameter() -> None:
    router = EventRouter()

    @router.on("sum")
    async def total(session: SessionDep, first: int, *more: int, emitter: EmitterDep) -> list[int]:
        assert (session, emitter) == CONTEXT[:2]
        return [first, *more]

    @router.on("any")
    async def anything(*values: Any) -> int:
        return len(values)

    assert await call(router, "sum", 1) == [1]
    assert await call(router, "sum", 1, 2, 3) == [1, 2, 3]
    assert await call(router, "any") == 0
    assert await call(router, "any", [], None) == 2
    with pytest.raises(InvalidPayloadError, match="'sum' takes at least 1 argument, not 0"):
        await call(router, "sum")
    with pytest.raises(InvalidPayloadError, match="2: Input should be a valid integer"):
        await call(router, "sum", 1, 2, "3")


async def test_a_tuple_is_several_arguments_of_the_ack() -> None:
    router = EventRouter()

    @router.on("pair")
    async def pair() -> tuple[date, bytes]:
        return date(2026, 11, 26), b"\xff"

    @router.on("any pair")
    async def any_pair():  # type: ignore[no-untyped-def] # as is the point
        return 1, Line(text="two")

    assert await call(router, "pair") == ("2026-11-26", b"\xff")
    assert await call(router, "any pair") == (1, {"text": "two"})


async def test_bytes_come_and_go_as_they_are() -> None:
    router = EventRouter()

    @router.on("upload")
    async def upload(photo: bytes, more: dict[str, Any]) -> Any:
        return {"photo": photo, "more": more, "line": Line(text="words"), "view": memoryview(photo)}

    @router.on("visit")
    async def visit(visit: Visit) -> Visit:
        return visit

    assert await call(router, "upload", b"\xff", {"raw": [b"\x00"]}) == {
        "photo": b"\xff",
        "more": {"raw": [b"\x00"]},
        "line": {"text": "words"},
        "view": b"\xff",
    }
    sent = {"at": "2026-11-26T15:00:00Z", "photo": b"\xff" * 50}
    assert await call(router, "visit", sent) == sent
    for photo in ("text", 1):
        with pytest.raises(InvalidPayloadError):
            await call(router, "upload", photo, {})
        with pytest.raises(InvalidPayloadError):
            await call(router, "visit", {**sent, "photo": photo})
    with pytest.raises(InvalidPayloadError):
        await call(router, "visit", {"at": b"2026-11-26T15:00:00Z", "photo": None})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
async def test_whatever_comes_goes_back_as_it_came(value: Any) -> None:
    router = EventRouter()

    @router.on("echo")
    async def echo(value: Any) -> Any:
        return value

    assert await call(router, "echo", value) == value
    assert read_body(write_body([value])) == [value]
    body = write_body([value])
    assert Body.from_the_bus(body.on_the_bus()) == body


async def test_a_partial_function_has_the_annotations_of_its_function() -> None:
    async def move(by: int, line: Line, context: EventContext, times: int = 2) -> list[Any]:
        """Move by some."""
        return [by, line.text, context is CONTEXT, times]

    router = EventRouter()
    router.on("two")(partial(move, 2))
    router.on("three")(partial(partial(move, 3), times=1))

    event = router.get("two")
    assert event is not None
    assert (event.names, event.required) == (["line", "times"], 1)
    assert event.description == "Move by some."
    assert await call(router, "two", {"text": "x"}) == [2, "x", True, 2]
    assert await call(router, "two", {"text": "x"}, 5) == [2, "x", True, 5]
    assert await call(router, "three", {"text": "x"}) == [3, "x", True, 1]
    with pytest.raises(InvalidPayloadError):
        await call(router, "three", {"text": "x"}, 5)
    with pytest.raises(TypeError, match=r"move: events have positional arguments alone .*line \d+"):
        router.on("named")(partial(move, by=4))


async def test_a_plain_function_runs_in_the_thread_pool() -> None:
    router = EventRouter()

    @router.on("plain")
    def plain(number: int, session: SessionDep) -> list[Any]:
        return [number, session is CONTEXT.session, threading.get_ident()]

    number, own, thread = await call(router, "plain", 1)
    assert (number, own) == (1, True)
    assert thread != threading.get_ident()


def test_a_handler_that_cannot_be_called_is_refused_by_name() -> None:
    router = EventRouter()

    async def untyped(_context: EventContext, number) -> None:  # type: ignore[no-untyped-def] # the point
        ...

    async def several(*sessions: SessionDep) -> None: ...

    async def keyword(*, number: int) -> None: ...

    async def keywords(**numbers: int) -> None: ...

    async def yields() -> Any:
        yield 1

    refusals: list[tuple[Any, str]] = [
        (untyped, "'number' has no annotation"),
        (several, "'sessions'"),
        (keyword, "'number'"),
        (keywords, "'numbers'"),
        (yields, "does not yield"),
    ]
    for handler, message in refusals:
        line = handler.__code__.co_firstlineno
        match = rf"{handler.__name__}: .*{message}.*test_event_router\.py, line {line}\)"
        with pytest.raises(TypeError, match=match):
            router.on("event")(handler)


def test_an_annotation_that_is_not_for_events_is_refused_by_name() -> None:
    router = EventRouter()

    async def unknown(_number: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821 - the point

    async def request(request: Request) -> None: ...

    async def result() -> Request:
        raise AssertionError("never called")

    refusals: list[tuple[Any, str]] = [
        (unknown, "'Nowhere' is not defined"),
        (request, "the parameter 'request' has a type"),
        (result, "the result has a type"),
    ]
    for handler, message in refusals:
        with pytest.raises(TypeError, match=rf"{handler.__name__}: .*{message}"):
            router.on("event")(handler)
    assert router.get("event") is None
    with pytest.raises(TypeError, match="'sent' has a type"):
        router.sends("sent", Request)


def test_a_name_that_no_handler_can_have_is_refused() -> None:
    router: Any = EventRouter()

    async def handler() -> None: ...

    for name in ("connect", "disconnect"):
        with pytest.raises(TypeError, match=f"handler: '{name}' is an event of the library's own"):
            router.on(name)(handler)
    with pytest.raises(TypeError, match=r'handler: .* write @events\.on\("name"\)'):
        router.on(handler)
    for name in ("connect", "session ended"):
        with pytest.raises(ValueError, match=f"'{name}' is one of the library's own"):
            router.sends(name, int)


def test_a_router_of_routes_is_refused() -> None:
    router: Any = EventRouter()
    with pytest.raises(TypeError, match="APIRouter is no EventRouter"):
        router.include_router(APIRouter())


def test_an_app_that_includes_a_router_of_events_is_told_where_it_belongs() -> None:
    events: Any = EventRouter()
    for routes in (FastAPI(), APIRouter()):
        with pytest.raises(AttributeError, match=r"it is included by mooring\.include_router"):
            routes.include_router(events)
        with pytest.raises(AttributeError, match=r"it is included by mooring\.include_router"):
            routes.include_router(events, prefix="/events")


def test_an_event_is_declared_once() -> None:
    router = EventRouter()

    @router.on("event")
    async def handler() -> None: ...

    with pytest.raises(ValueError, match="'event' has a handler already"):
        router.on("event")(handler)
    router.sends("sent", int)
    with pytest.raises(ValueError, match="'sent' is declared already"):
        router.sends("sent", int)


def test_an_included_router_adds_what_it_has_then() -> None:
    router, other = EventRouter(), EventRouter()

    @other.on("event")
    async def handler() -> None: ...

    other.sends("sent", int, state=lambda data: data["count"])
    router.include_router(other)

    assert [event.name for event in router.received] == ["event"]
    assert [event.name for event in router.sent] == ["sent"]
    assert [event.name for event in router.stateful] == ["sent"]


def test_a_router_with_an_event_of_the_same_name_is_refused_whole() -> None:
    router, other = EventRouter(), EventRouter()

    @router.on("event")
    async def handler() -> None: ...

    other.sends("sent", int)
    other.on("event")(handler)
    with pytest.raises(ValueError, match="'event' has a handler in both routers"):
        router.include_router(other)
    assert list(router.sent) == []


def test_what_the_server_sends_is_validated_by_its_type() -> None:
    router = EventRouter()
    router.sends("line", Line)
    router.sends("count", int, state=lambda data: data.get("count", 0))

    assert router.dump("line", Line(text="words")) == [{"text": "words"}]
    assert router.dump("line", {"text": "words"}) == [{"text": "words"}]
    assert router.dump("undeclared", 1, b"\xff") == [1, b"\xff"]
    with pytest.raises(ValidationError):
        router.dump("line", 1)
    [stateful] = router.stateful
    assert stateful.read_state({"count": 3}) == 3


async def test_what_json_writes_as_a_string_is_declared_by_its_type() -> None:
    router = EventRouter()

    @router.on("book")
    async def book(day: date, colour: Colour, order: UUID, size: tuple[int, int]) -> Any:
        return [type(each) for each in (day, colour, order, size)] == [date, Colour, UUID, tuple]

    @router.on("visit")
    async def visit(visit: Visit) -> Visit:
        return visit

    order = "12345678-1234-5678-1234-567812345678"
    assert await call(router, "book", "2026-11-26", "red", order, [1, 2]) is True
    moment = "2026-11-26T15:00:00Z"
    assert await call(router, "visit", {"at": moment, "photo": None}) == {
        "at": moment,
        "photo": None,
    }
    for arguments in (("soon", "red", order, [1, 2]), ("2026-11-26", "red", order, ["1", 2])):
        with pytest.raises(InvalidPayloadError):
            await call(router, "book", *arguments)
    with pytest.raises(InvalidPayloadError, match=r"visit\.at: Input should be a valid datetime"):
        await call(router, "visit", {"at": 5, "photo": b"bytes are no JSON"})
