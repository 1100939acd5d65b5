"""Guards that would never run, and hooks that would never be called, are refused where they are declared."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict

from app import (
    Emitter,
    EventRouter,
    MemoryStore,
    Mooring,
    Session,
    Settings,
    Socket,
    SocketDep,
    Users,
    recent_sign_in,
)
from app.realtime.handlers import ClientEvent


async def yields(_socket: SocketDep) -> AsyncIterator[None]:
    """A guard whose body is never reached by a call."""
    yield


def yields_too(_socket: SocketDep) -> Iterator[None]:
    """The same of a plain function."""
    yield


async def is_told() -> AsyncIterator[None]:
    """A hook for the life of sessions, likewise."""
    yield


Declare = Callable[[EventRouter, Mooring, Any], object]
DECORATORS: dict[str, Declare] = {
    "on_connect": lambda router, _mooring, function: router.on_connect(function),
    "on_disconnect": lambda router, _mooring, function: router.on_disconnect(function),
    "on": lambda router, _mooring, function: router.on("event")(function),
    "on_session_changed": lambda _router, mooring, function: mooring.on_session_changed("a")(
        function
    ),
}


@pytest.mark.parametrize("function", [yields, yields_too])
@pytest.mark.parametrize("declare", DECORATORS.values(), ids=DECORATORS)
def test_what_yields_is_refused_with_its_name(declare: Declare, function: Any) -> None:
    with pytest.raises(TypeError, match=function.__name__):
        declare(EventRouter(), Mooring(FastAPI()), function)


@pytest.mark.parametrize("decorator", ["on_session_created", "on_session_ended"])
def test_a_hook_of_the_life_of_sessions_that_yields_is_refused(decorator: str) -> None:
    with pytest.raises(TypeError, match="is_told"):
        getattr(Mooring(FastAPI()), decorator)(is_told)


def test_on_session_changed_without_a_key_is_refused() -> None:
    with pytest.raises(TypeError, match="on_session_changed"):
        Mooring(FastAPI()).on_session_changed(yields)  # type: ignore[arg-type] # as it is forgotten


@pytest.mark.parametrize("settings", [{"session_idle_timeout": 5}, Settings])
def test_what_are_no_settings_is_named(settings: Any) -> None:
    with pytest.raises(TypeError, match=r"takes Settings\(...\), not a (dict|ModelMetaclass)"):
        Mooring(FastAPI(), settings)


def test_a_store_that_is_given_for_a_backend_is_refused_with_what_to_write() -> None:
    store: Any = MemoryStore()
    with pytest.raises(TypeError, match=r"takes a Backend, as Backend\(store\), not a MemoryStore"):
        Mooring(FastAPI(), backend=store)


BARE = Depends(recent_sign_in)  # its minutes would be a parameter of the query


def open_to_all() -> None:
    """A route with nothing to guard it but what stands beside it."""


def needs_it(_user: Annotated[str, BARE]) -> None:
    """A route, an event or a dependency that asks for it."""


@pytest.mark.parametrize(
    "declare",
    [
        lambda: FastAPI().get("/secret", dependencies=[BARE])(open_to_all),
        lambda: FastAPI().get("/secret")(needs_it),
        lambda: FastAPI().get("/secret", dependencies=[Depends(needs_it)])(open_to_all),
        lambda: FastAPI(dependencies=[BARE]).get("/secret")(open_to_all),
        lambda: FastAPI().websocket("/secret")(needs_it),
        lambda: EventRouter(dependencies=[BARE]),
        lambda: EventRouter().on("secret")(needs_it),
    ],
)
def test_recent_sign_in_that_is_not_called_lets_nobody_through(
    declare: Callable[[], object],
) -> None:
    says = r"Depends\(recent_sign_in\) has no brackets, .* write Depends\(recent_sign_in\(\)\)"
    with pytest.raises(TypeError, match=says):
        declare()


class Unresolved(BaseModel):
    """A model that nobody can validate."""

    part: "NeverDefined"  # type: ignore[name-defined] # noqa: F821 - what is tested


class ResolvedLater(BaseModel):
    """A model whose part is defined below it."""

    part: "Part"


async def takes(_line: Unresolved) -> None:
    """An event with it as the argument."""


async def answers() -> Unresolved:
    """An event with it as the ack."""
    raise NotImplementedError


async def connects(_socket: SocketDep, _auth: Unresolved) -> None:
    """A hook with it as what the client sends."""


@pytest.mark.parametrize(
    ("declare", "named"),
    [
        (lambda router: router.on("event")(takes), "takes"),
        (lambda router: router.on("event")(answers), "answers"),
        (lambda router: router.on_connect(connects), "connects"),
        (lambda router: router.sends("said", Unresolved), "said"),
    ],
    ids=["argument", "ack", "auth", "sends"],
)
def test_a_type_that_names_one_that_is_not_there_is_refused_when_it_is_included(
    declare: Callable[[EventRouter], object], named: str
) -> None:
    router = EventRouter()
    declare(router)
    with pytest.raises(TypeError, match=named):
        Mooring(FastAPI()).include_router(router)


def test_a_type_that_is_defined_later_is_known_when_the_router_is_included() -> None:
    router = EventRouter()

    @router.on("event")
    async def count(line: ResolvedLater) -> int:
        return line.part.number

    Mooring(FastAPI()).include_router(router)
    assert router.namespaces["/"].received["event"]._validate(({"part": {"number": 1}},))


class Part(BaseModel):
    """What the model above names."""

    number: int


def test_a_default_that_a_handler_changes_is_of_its_own_call() -> None:
    async def add(items: list[int] = []) -> list[int]:  # noqa: B006 - what is tested
        items.append(1)
        return items

    event = ClientEvent("add", add)
    for _ in range(2):
        [items] = event._validate(())
        assert items == []
        items.append(1)


@pytest.mark.parametrize("kind", [Emitter, Session, Socket, Users])
def test_a_route_that_names_a_class_is_told_the_annotation(kind: type) -> None:
    app = FastAPI()

    async def route(value: Any) -> None: ...

    route.__annotations__["value"] = kind
    with pytest.raises(TypeError, match=rf"annotate the parameter with {kind.__name__}Dep"):
        app.get("/")(route)


def test_a_model_that_allows_any_type_may_hold_a_session() -> None:
    class Held(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        session: Session | None = None

    assert Held().session is None
