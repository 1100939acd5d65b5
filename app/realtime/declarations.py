"""Errors of declarations, which name the function and the line."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, get_type_hints

from ..article import kind_of


def function_of(handler: Any) -> Any:
    """Return the function behind what functools.partial has made of it."""
    while isinstance(handler, partial):
        handler = handler.func
    return handler


def label_of(handler: Any) -> str:
    """Return a function's name with its module's, for messages."""
    handler = function_of(handler)
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return f"{getattr(handler, '__module__', '?')}.{name}"


def declaration_error(handler: Any, message: str) -> TypeError:
    """Return the error for a declaration that is wrong."""
    return TypeError(f"{label_of(handler)}: {message}{_place_of(handler)}")


def known_as(handler: Any) -> str:
    """Return a function's name with its module's, and where it stands."""
    return f"{label_of(handler)}{_place_of(handler)}"


def refusing(handler: Any, what: str = "") -> Callable[[str], TypeError]:
    """Return what makes errors for a handler, or for one part of it."""
    return lambda message: declaration_error(handler, f"{what} {message}" if what else message)


def hints_of(handler: Any) -> dict[str, Any]:
    """Return the annotations of a handler, evaluated; raise the error of a declaration."""
    handler = function_of(handler)
    function = handler if inspect.isroutine(handler) else type(handler).__call__
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise declaration_error(handler, f"an annotation cannot be read: {error}") from error


def is_async(handler: Any) -> bool:
    """Return True for a coroutine function, or an object that is called like one."""
    handler = function_of(handler)
    return any(
        inspect.iscoroutinefunction(each)
        for each in (inspect.unwrap(handler), getattr(handler, "__call__", None))  # noqa: B004 - its function is asked for
    )


def is_generator(function: Any) -> bool:
    """Return True for a function that yields, or an object that is called like one."""
    function = function_of(function)
    return any(
        inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each)
        for each in (inspect.unwrap(function), getattr(function, "__call__", None))  # noqa: B004 - its function is asked for
    )


def refuse_generator(function: Any) -> None:
    """Raise TypeError for a function that yields: called as others are, its body would never run."""
    if is_generator(function):
        raise declaration_error(function, "a handler or a hook returns, it does not yield")


def check_function(function: Any, decorator: str) -> None:
    """Raise TypeError for what a decorator without brackets is given in place of a function."""
    if not callable(function):
        raise TypeError(
            f"@{decorator} decorates a function: write it without brackets and arguments"
        )


def check_parameters(function: Any, count: int, message: str) -> None:
    """Raise the error of a declaration unless a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError as error:
        raise declaration_error(function, message) from error
    except ValueError:  # one of C that does not say what it takes, as of `operator`
        return


def check_state(name: str, state: Any) -> None:
    """Raise TypeError for what cannot read the state of an event from a session's data."""
    if not callable(state):
        raise TypeError(
            f"the event {name!r}: state= takes a function of the session's data, not {kind_of(state)}"
        )
    if is_async(state):
        raise declaration_error(state, "state= takes a plain function: what it reads is at hand")
    check_parameters(state, 1, "a function for state= takes the session's data and no more")


def _place_of(handler: Any) -> str:
    try:
        code = inspect.unwrap(function_of(handler)).__code__
    except (AttributeError, ValueError):
        return ""
    return f" ({code.co_filename}, line {code.co_firstlineno})"
