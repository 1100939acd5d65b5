"""What the parameters of a handler are given: arguments, what is at hand, or dependencies."""

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from fastapi import UploadFile
from fastapi.params import Body, Depends, Param, Path
from pydantic.fields import FieldInfo
from starlette.requests import HTTPConnection, Request

from ..asgi.provided import provided_by
from ..sessions import Session
from .context import Context, EventContext
from .declarations import declaration_error, hints_of, refusing
from .emitter import Emitter
from .payloads import PayloadType, payload_type
from .socket import Socket

MISSING = inspect.Parameter.empty
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

Value = Callable[[Any], Any]


def _context(context: Context | EventContext) -> EventContext:
    return context if isinstance(context, EventContext) else context.public


_BY_TYPE: dict[Any, Value] = {
    EventContext: _context,
    Session: attrgetter("session"),
    Emitter: attrgetter("emitter"),
    Socket: attrgetter("socket"),
}
_BY_NAME: dict[str, Value] = {
    "session": attrgetter("session"),
    "emitter": attrgetter("emitter"),
    "socket": attrgetter("socket"),
    "users": attrgetter("users"),
}


class Kind(Enum):
    """What a parameter is given."""

    ARGUMENT = "argument"
    REST = "rest"
    AT_HAND = "at hand"
    SOLVED = "solved"


class Given(NamedTuple):
    """A parameter.

    Attributes:
        value: reads what is at hand, or None.
        type: of an argument, or None.
    """

    kind: Kind
    parameter: inspect.Parameter
    value: Value | None = None
    type: PayloadType | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.parameter.name

    @property
    def is_annotated(self) -> bool:
        """Whether its declaration says a type."""
        return self.parameter.annotation is not MISSING

    @property
    def has_default(self) -> bool:
        """Whether it may be left out."""
        return self.parameter.default is not MISSING

    @property
    def by_keyword(self) -> bool:
        """Whether it can be passed by its name alone."""
        return self.parameter.kind is inspect.Parameter.KEYWORD_ONLY


def read_parameters(handler: Any, *, first: Any) -> tuple[list[Given], Any]:
    """Return what the parameters of a handler are given, and the annotation of its result.

    Args:
        handler: a function.
        first: the type of a first parameter without an annotation.

    Raises:
        TypeError: a parameter cannot be given anything; the message names the function and the line.
    """
    hints = hints_of(handler)
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except ValueError as error:
        raise declaration_error(handler, "its parameters cannot be read") from error
    given = []
    bound = handler.keywords if isinstance(handler, partial) else {}
    for index, parameter in enumerate(each for each in parameters if each.name not in bound):
        hint = hints.get(parameter.name, MISSING)
        if index == 0 and hint is MISSING and parameter.kind in _POSITIONAL:
            hint = first
        given.append(_given(handler, parameter, hint))
    return given, hints.get("return", Any)


def _given(handler: Any, parameter: inspect.Parameter, hint: Any) -> Given:
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        raise declaration_error(handler, f"{parameter.name!r}: events have no keyword arguments")
    if hint is MISSING and not isinstance(parameter.default, Depends):
        raise declaration_error(handler, f"the parameter {parameter.name!r} has no annotation")
    if _is_for_fastapi(parameter, hint):
        return _solved(handler, parameter, hint)
    value = _BY_TYPE.get(bare_type(hint))
    if value is not None:
        _refuse_variadic(handler, parameter)
        return Given(Kind.AT_HAND, parameter, value)
    return _argument(handler, parameter, hint)


def _solved(handler: Any, parameter: inspect.Parameter, hint: Any) -> Given:
    _refuse_variadic(handler, parameter)
    if any(isinstance(each, Path) for each in _metadata(parameter, hint)):
        raise declaration_error(
            handler, f"the parameter {parameter.name!r} has Path(): an event has no path"
        )
    found = [each for each in _metadata(parameter, hint) if isinstance(each, Depends)]
    own = provided_by(found[-1].dependency) if found else None
    if own == "idempotent":
        raise declaration_error(
            handler, "Depends(idempotent) is for routes: an event has once=True"
        )
    if own is not None:
        return Given(Kind.AT_HAND, parameter, _BY_NAME[own])
    annotation = Any if hint is MISSING else hint
    return Given(Kind.SOLVED, parameter.replace(annotation=annotation))


def _argument(handler: Any, parameter: inspect.Parameter, hint: Any) -> Given:
    rest = parameter.kind is inspect.Parameter.VAR_POSITIONAL
    if parameter.kind not in _POSITIONAL and not rest:
        raise declaration_error(
            handler, f"events have positional arguments alone (parameter {parameter.name!r})"
        )
    refuse = refusing(handler, f"the parameter {parameter.name!r}")
    if isinstance(parameter.default, FieldInfo):
        raise refuse("has Field() or Body() for a default: write Annotated[T, Field(...)]")
    if any(get_origin(each) is Annotated for each in _metadata(parameter, hint)):
        raise refuse(
            "has an annotation within Annotated: write UserDep, not Annotated[str, UserDep]"
        )
    parts = _parts(hint)
    if any(isinstance(each, Depends | Param) for each in parts):  # the client would give it
        raise refuse("has a dependency within its type: write UserDep, not UserDep | None")
    if any(isinstance(each, Body) for each in parts):
        raise refuse(
            "has Body(), Form() or File(): an event has no body, write Annotated[T, Field(...)]"
        )
    if any(isinstance(each, type) and issubclass(each, UploadFile) for each in parts):
        raise refuse("is an UploadFile: an event has no form, write bytes")
    return Given(Kind.REST if rest else Kind.ARGUMENT, parameter, type=payload_type(hint, refuse))


def _refuse_variadic(handler: Any, parameter: inspect.Parameter) -> None:
    if parameter.kind not in (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY):
        raise declaration_error(handler, f"{parameter.name!r} cannot be a variadic parameter")


def _is_for_fastapi(parameter: inspect.Parameter, hint: Any) -> bool:
    bare = bare_type(hint)
    if (
        isinstance(bare, type)
        and issubclass(bare, HTTPConnection)
        and not issubclass(bare, Request)
    ):
        return True
    return any(isinstance(each, Depends | Param) for each in _metadata(parameter, hint))


def _metadata(parameter: inspect.Parameter, hint: Any) -> Sequence[Any]:
    found = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return (*found, parameter.default)


def _parts(hint: Any) -> list[Any]:
    """Return a hint, and all that stands in its brackets, or behind the names of types in them."""
    found = [hint]
    for each in found:  # which grows meanwhile
        behind = getattr(each, "__value__", None)  # of a TypeAliasType, which may name itself
        more = (*get_args(each), *([] if behind is None else [behind]))
        found += [part for part in more if not any(part is known for known in found)]
    return found


def bare_type(hint: Any) -> Any:
    """Return a hint's type without Annotated, without `| None`, and without type parameters."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        members = [each for each in get_args(hint) if each is not NoneType]
        hint = members[0] if len(members) == 1 else hint
    origin = get_origin(hint)
    return origin if isinstance(origin, type) else hint
