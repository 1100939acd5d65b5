"""The AsyncAPI document lists every type of problem that an event, or a connect, is refused with."""

import ast
import re
from collections.abc import Iterator

from app.realtime.asyncapi import Problem
from app.realtime.errors import _TYPES
from tests.support.processes import ROOT

SOURCES = [*(ROOT / "app" / "realtime").rglob("*.py"), ROOT / "app" / "sessions" / "errors.py"]
REFUSALS = {"EventError", "OnceError", "SignInError"}
WAITED_FOR = {"request-under-way"}
"""An event with an id waits for the first one's answer."""


def _written() -> Iterator[str]:
    """Return the types that stand in the code, as the first argument of what refuses."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Name(name), [ast.Constant(str(type_)), *_]):
                    if name in REFUSALS | {"error_ack"}:
                        yield type_
                case ast.ClassDef(bases=[ast.Name(name)]) if name in REFUSALS:
                    yield from _of_constructor(node)


def _of_constructor(refusal: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(refusal):
        match node:
            case ast.Call(ast.Attribute(attr="__init__"), [ast.Constant(str(type_)), *_]):
                yield type_


def test_every_type_of_problem_is_in_the_document() -> None:
    written = {*_written(), *_TYPES.values()}
    assert {"sign-in-required", "invalid-token", "rate-limited", "invalid-payload"} <= written
    described = Problem.model_fields["type"].description
    assert described is not None
    listed = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", described))
    assert listed == written - WAITED_FOR
