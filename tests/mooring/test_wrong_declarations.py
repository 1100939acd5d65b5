"""Guards that would never run, and hooks that would never be called, are refused where they are declared."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import FastAPIError

from app import EventRouter, Mooring, SocketDep, recent_sign_in
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


def test_recent_sign_in_that_is_not_called_lets_nobody_through() -> None:
    with pytest.raises(FastAPIError):
        FastAPI().get("/secret", dependencies=[Depends(recent_sign_in)])(yields_too)


def test_a_default_that_a_handler_changes_is_of_its_own_call() -> None:
    async def add(items: list[int] = []) -> list[int]:  # noqa: B006 - what is tested
        items.append(1)
        return items

    event = ClientEvent("add", add)
    for _ in range(2):
        [items] = event._validate(())
        assert items == []
        items.append(1)
