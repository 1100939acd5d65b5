"""Handshakes, polls and posts of every form, over real connections: a table, and the Node server too."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable

import pytest

from app.realtime.engineio.query import Query
from app.realtime.engineio.requests import BadRequestError, check
from tests.protocol.forms import (
    CONNECTED,
    CONNECTIONS,
    METHODS,
    SIDS,
    TRANSPORTS,
    UPGRADES,
    VERSIONS,
    Answer,
    Form,
    Visitor,
)
from tests.support.http import PROBLEM
from tests.support.node_server import node_server
from tests.support.service import Service

VISITORS = 8

CheckAnswer = Callable[[Visitor, Visitor, Form], Awaitable[str | None]]


@pytest.fixture
def store_name() -> str:
    """One store: the form of requests has nothing to do with it."""
    return "memory"


def all_forms() -> list[Form]:
    """Every combination."""
    axes = (TRANSPORTS, SIDS, VERSIONS, UPGRADES, CONNECTIONS, METHODS)
    return [Form(*each) for each in itertools.product(*axes)]


def expected(form: Form) -> int:
    """The status of the right answer: what does not say completely what it is, is refused."""
    if form.transport != ("websocket" if form.is_websocket else "polling") or form.version != "4":
        return 400
    if form.asks_for_websocket and not form.is_websocket:
        return 400
    if not form.is_websocket and form.method not in ("GET", "POST"):
        return 400
    if form.sid in ("unknown", "another's"):
        return 400 if form.sid == "unknown" else 403
    if form.sid is None and form.method == "POST":
        return 400
    return 101 if form.is_websocket else 200


def expected_of_node(form: Form) -> int:
    """The same of the Node server, where it differs."""
    if form.transport in ("polling", "websocket") and form.upgrades and form.sid != "unknown":
        return _upgrade_of_node(form)
    if form.sid == "another's":  # it knows no sessions
        return expected_of_node(form._replace(sid="own"))
    if form.sid == "own" and (form.transport, form.version) == ("polling", "4"):
        return {"GET": 200, "POST": 200}.get(form.method, 500)
    return expected(form)


def _upgrade_of_node(form: Form) -> int:
    """It takes every upgrade for a WebSocket's, and looks at the query first."""
    if form.sid is None and form.method != "GET":
        return 400
    if form.sid is not None and form.version != "4":
        return 400
    if not form.asks_for_websocket:
        return 405 if form.method != "GET" else 400
    # Where the query is wrong, it opens the WebSocket and closes it.
    return 101 if form.method == "GET" else 405


async def test_every_form_is_answered_as_the_table_says(node: Service) -> None:
    await _all(node.port, all_forms(), _check)


async def test_the_node_server_answers_likewise_where_it_answers() -> None:
    forms = [form for form in all_forms() if form.method != "HEAD"][::3]
    with node_server() as port:
        await _all(port, forms, _check_node)


async def _all(port: int, forms: list[Form], check_answer: CheckAnswer) -> None:
    async def visit(mine: Iterable[Form]) -> list[str]:
        visitor, other = Visitor(port), Visitor(port)
        await visitor.open()
        await other.open()
        found = [await check_answer(visitor, other, form) for form in mine]
        assert (await visitor.poll()).body.startswith(CONNECTED), "a refused request took it"
        return [each for each in found if each is not None]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(visit(forms[start::VISITORS])) for start in range(VISITORS)]
    wrong = [each for task in tasks for each in task.result()]
    assert not wrong, f"{len(wrong)} are wrong:\n" + "\n".join(wrong[:20])


async def _check(visitor: Visitor, other: Visitor, form: Form) -> str | None:
    """Return what is wrong with an answer: its status, its document, or what it took."""
    answer, right = await visitor.send(form, other), expected(form)
    if answer.status != right:
        return f"{form}: {answer.status} for {right}"
    if right >= 400 and form.method != "HEAD" and not _is_problem(answer):
        return f"{form}: no problem document, but {answer.body!r}"
    return await _took(visitor, form, answer)


async def _check_node(visitor: Visitor, other: Visitor, form: Form) -> str | None:
    own = form._replace(sid="own") if form.sid == "another's" else form
    answer, right = await visitor.send(own, other), expected_of_node(form)
    if answer.status != right:
        return f"{form}: {answer.status} for {right}"
    return await _took(visitor, own, answer)


async def _took(visitor: Visitor, form: Form, answer: Answer) -> str | None:
    """A poll has what waits, which nothing before it has taken; then another socket is needed."""
    if (answer.status, form.sid, form.method) != (200, "own", "GET"):
        return None
    if not answer.body.startswith(CONNECTED):
        return f"{form}: {answer.body!r}"
    await visitor.open()
    return None


def _is_problem(answer: Answer) -> bool:
    fits: bool = json.loads(answer.body)["status"] == answer.status
    return fits and f"content-type: {PROBLEM}".encode() in answer.head.lower()


def test_the_kind_of_an_asgi_scope_decides_with_the_query() -> None:
    """A server that upgrades nothing, or that knows WebSockets without HTTP/1.1's headers."""
    for kind, form in itertools.product(("http", "websocket"), all_forms()):
        query = Query(
            form.transport, form.version, None if form.sid is None else "sid", jsonp=False
        )
        named = {b"upgrade": form.upgrade, b"connection": form.connection}
        headers = [(name, value.encode()) for name, value in named.items() if value is not None]
        scope = {"type": kind, "headers": headers}
        if kind == "http":
            scope["method"] = form.method
        try:
            check(query, scope)
        except BadRequestError:
            passes = False
        else:
            passes = True
        assert passes == _may_pass(kind, form), (kind, form)


def _may_pass(kind: str, form: Form) -> bool:
    if form.version != "4":
        return False
    if kind == "websocket":
        return form.transport == "websocket"
    methods = ("GET",) if form.sid is None else ("GET", "POST")
    return form.transport == "polling" and form.method in methods and not form.asks_for_websocket
