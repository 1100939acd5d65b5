"""P13: no place in the package refuses something without `refused`, but for those that say why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.asgi.refusals import Refusal
from tests.support.processes import ROOT

APP = ROOT / "app"

NO_REFUSALS = {
    "unknown-device": "a list of devices may be older than what it shows",
    "internal-error": "a fault of ours, which is logged as an error, with its traceback",
    "invalid-request": "the app's own check of its routes; mooring_http_requests has the status",
}
"""Types of problems and error acks that stand for no refusal, and why."""

WITHOUT = {
    "app/http/session_websocket.py:SessionWebSocket._close": "the end of the session is logged",
    "app/http/client_files.py:ClientFiles.respond": "a file that is asked for with another method",
    "app/http/exception_handlers.py:_once": "it is not sent",
    "app/realtime/carry/owner.py:_handle_post": "as EngineApp.post, which calls it",
    "app/realtime/engineio/asgi.py:EngineApp.post": "the problem and EngineSocket.reject note it",
    "app/realtime/engineio/asgi.py:_declared_length": "EngineApp notes it: BAD_PAYLOAD",
    "app/realtime/engineio/asgi.py:_read_body": "EngineApp notes it: BAD_PAYLOAD",
    "app/realtime/engineio/payload.py:decode_frame": "EngineSocket.reject notes it",
    "app/realtime/engineio/payload.py:decode_payload": "EngineSocket.reject notes it",
    "app/realtime/engineio/socket.py:EngineSocket.receive": "EngineSocket.reject notes it",
    "app/realtime/engineio/socket.py:EngineSocket._read": "EngineSocket.reject notes it",
    "app/realtime/engineio/websocket.py:AsgiWebSocket.close": "any close, by whoever asked for it",
}
"""Functions that refuse, or pass a refusal on, and do not note it; and why."""

_CALLS = {
    "HTTPException",
    "PacketError",
    "RefusedError",
    "send_500_response",
}
"""What is raised, or called, to refuse."""

_NOTES = {"refused", "note", "Refusal"}
"""A function that names one of these notes a refusal, or has its caller do so by the kind."""


_ELSEWHERE = {"vendor", "testing"}


def _sources() -> list[Path]:
    """The files of the package, but for the browser's and for the test kit, which serves nobody."""
    return [each for each in sorted(APP.rglob("*.py")) if not _ELSEWHERE & set(each.parts)]


def _functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield the outermost functions and methods of a file, by qualified name."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{each.name}", each
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _refuses(node: ast.AST) -> bool:
    """Whether an expression answers 4xx or 5xx, raises what is answered so, or closes a WebSocket."""
    if isinstance(node, ast.Dict):
        return any(_is(each, "websocket.close") for each in node.values)
    if not isinstance(node, ast.Call):
        return False
    if _name(node.func) in _CALLS:
        return True
    numbers = [each.value for each in _arguments(node) if isinstance(each, ast.Constant)]
    is_response = _name(node.func).endswith("Response")
    return is_response and any(type(each) is int and each >= 400 for each in numbers)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (each.value for each in call.keywords)


def _is(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _is_noted(function: ast.AST) -> bool:
    return any(_name(each) in _NOTES for each in ast.walk(function))


def _silent(path: Path) -> set[str]:
    """The functions of a file that refuse something and do not note it."""
    file = path.relative_to(ROOT).as_posix()
    return {
        f"{file}:{name}"
        for name, function in _functions(path)
        if any(map(_refuses, ast.walk(function))) and not _is_noted(function)
    }


def _types(path: Path) -> Iterator[str]:
    """Yield the types of the problems and error acks that a file makes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            position = {"Problem": 1, "_problem": 0, "error_ack": 0}.get(_name(node.func), 99)
            constant = node.args[position] if position < len(node.args) else None
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                yield constant.value


def test_whoever_refuses_notes_it_or_says_why_not() -> None:
    silent = {each for path in _sources() for each in _silent(path)}

    assert silent - set(WITHOUT) == set()
    assert set(WITHOUT) - silent == set(), "they refuse nothing any more"


def test_every_type_of_a_problem_or_an_error_ack_is_a_kind_or_says_why_not() -> None:
    types = {each for path in _sources() for each in _types(path)}

    assert types - set(NO_REFUSALS) - set(Refusal) == set()
    assert set(NO_REFUSALS) - types == set()
    assert len(types) > 10


@pytest.mark.parametrize(
    "code",
    [
        "async def f(send):\n    await send({'type': 'websocket.close'})",
        "def f():\n    raise PacketError('no')",
        "def f():\n    return PlainTextResponse('no', 403)",
        "def f():\n    return Response(status_code=503)",
        "def f(self):\n    self.send_500_response()",
    ],
)
def test_a_new_place_is_found(code: str) -> None:
    (function,) = ast.parse(code).body

    assert any(map(_refuses, ast.walk(function)))
    assert not _is_noted(function)


def test_every_kind_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()

    assert [kind for kind in Refusal if f"| `{kind}` |" not in page] == []
