"""What a new user gets wrong is refused where it is written, with the function's name, or an event's."""

import logging
import operator
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from annotated_types import Gt
from fastapi import (
    Body,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    Path,
    Request,
    UploadFile,
)
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypeAliasType

from app import (
    EVERYBODY,
    BusUnavailableError,
    Emitter,
    EndReason,
    EventError,
    EventRouter,
    Mooring,
    UserDep,
    idempotent,
    to_session,
    to_socket,
)
from tests.realtime.two_nodes import cluster
from tests.support.processes import free_port


class Opaque:
    """Nothing that JSON knows."""


async def late(number: int) -> None:
    """A handler."""


def test_what_is_declared_on_a_router_that_was_included_is_refused_and_named() -> None:
    router, outer = EventRouter(), EventRouter()
    outer.include_router(router)
    with pytest.raises(TypeError, match=r"late: its router was included before.*line \d+"):
        router.on("late")(late)
    with pytest.raises(TypeError, match="'later': its router was included before"):
        router.sends("later", int)
    with pytest.raises(TypeError, match="late: its router was included before"):
        router.on_connect(late)
    with pytest.raises(TypeError, match="late: its router was included before"):
        router.on_disconnect(late)
    with pytest.raises(TypeError, match="a router: its router was included before"):
        router.include_router(EventRouter())


def test_a_router_is_included_once() -> None:
    router, outer = EventRouter(), EventRouter()
    outer.include_router(router)
    with pytest.raises(ValueError, match="included already"):
        outer.include_router(router)
    EventRouter().include_router(router)
    with pytest.raises(ValueError, match="itself"):
        outer.include_router(outer)


def test_dependencies_of_a_router_that_are_not_for_events_are_refused_where_they_stand() -> None:
    async def of_a_request(request: Request) -> None: ...

    for dependency, says in ((idempotent, "is for routes"), (of_a_request, "takes a Request")):
        with pytest.raises(TypeError, match=rf"^EventRouter\(dependencies=\.\.\.\) .*{says}"):
            EventRouter(dependencies=[Depends(dependency)])


def test_a_middleware_that_cannot_be_called_is_refused() -> None:
    async def two(call_next: Any, event: Any) -> None: ...

    with pytest.raises(TypeError, match=r"two: a middleware takes call_next, the socket and the"):
        EventRouter().middleware(two)


def test_a_coroutine_function_for_state_is_refused() -> None:
    async def count(data: Any) -> int:
        return len(data)

    with pytest.raises(TypeError, match="count: state= takes a plain function"):
        EventRouter().sends("count", int, state=count)


@pytest.mark.parametrize("state", [5, "count", lambda: 1, lambda _one, _two: 1])
def test_what_cannot_read_a_state_is_refused(state: Any) -> None:
    with pytest.raises(TypeError, match="state= takes"):
        EventRouter().sends("count", int, state=state)


@pytest.mark.parametrize("state", [len, operator.itemgetter("count")])
def test_a_function_of_c_may_read_a_state(state: Any) -> None:
    router = EventRouter()
    router.sends("count", int, state=state)
    [event] = router.stateful
    assert event.read_state({"count": 1}) == 1


async def also_late(number: int) -> None:
    """Another handler."""


def test_two_handlers_of_one_event_are_named_with_their_lines() -> None:
    both = r"late .*line \d+\).*also_late .*line \d+\)"
    router, other, outer = EventRouter(), EventRouter(), EventRouter()
    router.on("late")(late)
    other.on("late")(also_late)
    with pytest.raises(ValueError, match=both):
        router.on("late")(also_late)
    outer.include_router(router)
    with pytest.raises(ValueError, match=both):
        outer.include_router(other)


@pytest.mark.parametrize("reason", [int, list[str], Literal["elsewhere"]])
def test_a_hook_that_takes_the_reason_of_a_disconnect_for_no_string_is_refused(reason: Any) -> None:
    async def gone(why: Any) -> None: ...

    gone.__annotations__["why"] = reason
    with pytest.raises(TypeError, match=r"gone: the reason of a disconnect is a string.*line \d+"):
        EventRouter().on_disconnect(gone)


@pytest.mark.parametrize("reason", [str, Any, EndReason, str | None, Literal["ping timeout"]])
def test_one_that_takes_it_for_a_string_is_not(reason: Any) -> None:
    async def gone(why: Any) -> None: ...

    gone.__annotations__["why"] = reason
    EventRouter().on_disconnect(gone)


@pytest.mark.parametrize("default", [Field(ge=1), Field(1, le=100), Body()])
def test_a_description_in_place_of_a_default_is_refused_as_its_bounds_would_bind_nobody(
    default: Any,
) -> None:
    async def pay(amount: int = default) -> None: ...

    says = r"pay: the parameter 'amount' has Field\(\) or Body\(\) for a default: .*line \d+"
    for declare in (EventRouter().on("pay"), EventRouter().on_connect):
        with pytest.raises(TypeError, match=says):
            declare(pay)


def _pay_with(annotation: Any) -> Any:
    async def pay(amount: Any) -> None: ...

    pay.__annotations__["amount"] = annotation
    return pay


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (Annotated[str, Body()], "an event has no body, write Annotated"),
        (Annotated[str, Field(), Form(max_length=3)], "an event has no body"),
        (Annotated[bytes, File()], "an event has no body"),
        (list[Annotated[str, Form()]], "an event has no body"),
        (UploadFile, "is an UploadFile: .* write bytes"),
        (UploadFile | None, "write bytes"),
        (dict[str, list[UploadFile]], "write bytes"),
        (Annotated[str, Path()], "an event has no path"),
    ],
)
def test_what_only_a_request_has_is_refused_as_no_event_would_have_it(
    annotation: Any, says: str
) -> None:
    for declare in (EventRouter().on("pay"), EventRouter().on_connect):
        with pytest.raises(TypeError, match=rf"pay: the parameter 'amount' .*{says}.*line \d+"):
            declare(_pay_with(annotation))


def test_a_dependency_on_a_part_of_the_path_is_refused() -> None:
    def of_order(order: Annotated[int, Path()]) -> int:
        return order

    with pytest.raises(TypeError, match=r"pay: depends on of_order, .* part of the path"):
        EventRouter().on("pay")(_pay_with(Annotated[int, Depends(of_order)]))


def test_a_dependency_that_has_no_signature_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="pay: has a dependency that cannot be solved"):
        EventRouter().on("pay")(_pay_with(Annotated[str, Depends()]))


NAMED_BY_CLIENTS = [
    Annotated[str, UserDep],
    Annotated[str, "who", UserDep],
    UserDep | None,
    Annotated[UserDep | None, "who"],
    list[UserDep],
    dict[str, tuple[UserDep, ...]],
    Annotated[str, Header()] | None,
    TypeAliasType("Who", UserDep),
    TypeAliasType("Maybe", UserDep | None) | None,
]
Json = TypeAliasType("Json", "list[Json] | dict[str, Json] | str")


@pytest.mark.parametrize("annotation", [Json, Literal["who"] | None, list[Annotated[int, Gt(1)]]])
def test_a_type_without_a_user_in_it_is_declared(annotation: Any) -> None:
    async def pay(what: Any) -> None: ...

    pay.__annotations__["what"] = annotation
    EventRouter().on("pay")(pay)


@pytest.mark.parametrize("annotation", NAMED_BY_CLIENTS)
def test_a_user_whom_the_client_would_name_is_refused(annotation: Any) -> None:
    async def pay(user: str) -> None: ...

    pay.__annotations__["user"] = annotation
    with pytest.raises(TypeError, match=r"pay: the parameter 'user' .* write UserDep"):
        EventRouter().on("pay")(pay)


class Mood(StrEnum):
    GOOD = "good"


STRINGS = {
    "plain": str,
    "limited": Annotated[str, Field(max_length=5)],
    "optional": str | None,
    "enum": Mood,
    "optional enum": Mood | None,
    "literal": Literal["good", "bad"],
    "UUID": UUID,
    "time": datetime | date,
}
NO_STRINGS = {
    "number": int,
    "optional number": int | None,
    "nothing": None,
    "numbers": IntEnum("Number", "ONE TWO"),
    "object": dict[str, str],
    "list": list[str],
    "perhaps": str | int,
    "bytes": bytes,
    "any": Any,
}


@pytest.mark.parametrize("type_", NO_STRINGS.values(), ids=NO_STRINGS)
def test_a_state_that_may_be_something_else_than_a_string_is_declared(type_: Any) -> None:
    app, stated = Mooring(FastAPI()), EventRouter(recovery=True)
    stated.sends("mood", type_, state=lambda data: data["mood"])
    app.include_router(stated)


@pytest.mark.parametrize("type_", STRINGS.values(), ids=STRINGS)
def test_a_state_that_is_a_string_is_refused_where_any_router_of_the_namespace_has_recovery(
    type_: Any,
) -> None:
    """Clients would take it for an offset."""
    stated, app = EventRouter(), Mooring(FastAPI())
    stated.sends("mood", type_, state=lambda data: data["mood"])
    app.include_router(stated)
    with pytest.raises(TypeError, match="the state 'mood' is a string"):
        app.include_router(EventRouter(recovery=True))
    app.include_router(EventRouter("/elsewhere", recovery=True))


@pytest.mark.parametrize("target", [to_session, to_socket])
def test_a_target_is_made_of_a_string(target: Any) -> None:
    """An object that has the id would be sent nothing."""
    with pytest.raises(
        TypeError, match=rf"{target.__name__}\(\) takes .*, a string, not an Opaque"
    ):
        target(Opaque())


LIVES = ("on_session_created", "on_session_ended", "on_user_online", "on_user_offline")


@pytest.mark.parametrize("decorator", LIVES)
def test_a_hook_that_takes_a_user_or_a_session_for_something_else_is_refused(
    decorator: str,
) -> None:
    async def told(what: Any) -> None: ...

    for wrong in (int, Opaque):
        told.__annotations__["what"] = wrong
        with pytest.raises(TypeError, match=r"told: the parameter 'what' is given an? \w+ .*line"):
            getattr(Mooring(FastAPI()), decorator)(told)


@pytest.mark.parametrize("decorator", ["on_connect", "on_disconnect", "middleware"])
def test_brackets_behind_a_decorator_that_has_none_are_refused(decorator: str) -> None:
    for arguments in ((), ("name",)):
        with pytest.raises(TypeError, match=f"@router.{decorator} decorates a function"):
            getattr(EventRouter(), decorator)(*arguments)


@pytest.mark.parametrize("given", [object(), 1])
def test_what_is_no_router_is_named_in_english(given: Any) -> None:
    with pytest.raises(TypeError, match=r"^an (object|int) is no EventRouter"):
        EventRouter().include_router(given)


async def test_an_argument_of_an_emit_that_is_wrong_is_named() -> None:
    class Line(BaseModel):
        text: Annotated[str, Field(min_length=1)]

    router = EventRouter()
    router.sends("said", str, Line)
    router.sends("anything", Any)
    async with cluster(router) as nodes:
        emitter = nodes.nodes[0].emitter
        with pytest.raises(ValidationError) as refused:
            await emitter.emit("said", "ann", {"text": ""}, to="lobby")
        assert refused.value.__notes__ == ["argument 2 of the event 'said'"]
        for event, number in (("undeclared", 2), ("anything", 1)):
            what = f"argument {number} of the event '{event}': .*Opaque"
            with pytest.raises(TypeError, match=what):
                await emitter.emit(event, *([1] * (number - 1)), Opaque(), to="lobby")


async def test_why_a_worker_cannot_reach_the_bus_is_said_and_chained() -> None:
    async with Emitter.connect(f"redis://127.0.0.1:{free_port()}") as emitter:
        with pytest.raises(TypeError, match="argument 1 of the event 'news': an Opaque"):
            await emitter.emit("news", Opaque(), to=EVERYBODY)
        with pytest.raises(BusUnavailableError, match=r"in time: .*(refused|111)") as refused:
            await emitter.emit("news", to=EVERYBODY)
    assert refused.value.__cause__ is not None


def test_outside_of_an_event_loop_it_is_said_what_serves_instead() -> None:
    mooring = Mooring(FastAPI())
    with pytest.raises(RuntimeError, match=r"running event loop.*SyncEmitter"):
        _ = mooring.users
    emitting = mooring.emitter.emit("e", to="lobby")
    with pytest.raises(RuntimeError, match=r"running event loop.*SyncEmitter"):
        emitting.send(None)


async def test_a_socket_is_connected_when_its_hooks_have_accepted_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = EventRouter()

    @router.on_connect
    async def refuse() -> None:
        raise EventError("no", "No.")

    caplog.set_level(logging.INFO)
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
    assert "socket connected" not in caplog.messages


async def test_a_handler_that_fails_is_logged_with_its_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = EventRouter()

    @router.on("break")
    async def broken() -> None:
        raise RuntimeError("broken")

    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
        await client.emit("break")
    [line] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(line.__dict__["session"]) == 8
