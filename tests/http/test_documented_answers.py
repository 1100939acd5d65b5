"""What the HTTP document says of each answer is what the service answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.http import http_client
from tests.support.issued import note_issued
from tests.support.servers import store_server
from tests.support.service import Service, service
from tests.support.stores import memory_settings, server_settings

SIGNING_IN = ("POST", "/sign-in")
OPENING = [("GET", "/session"), ("POST", "/incr"), ("POST", "/session/rotate"), SIGNING_IN]
CHANGING = [("POST", "/incr"), ("POST", "/logout"), ("POST", "/session/rotate"), SIGNING_IN]
OF_USERS = {"/user", "/devices", "/devices/{key}"}
"""What these document is tested in tests/users."""
ASKING = [*OPENING, ("POST", "/logout"), ("GET", "/readyz")]

# No store answers differently here, and the one that goes away is a server of its own.
pytestmark = [
    pytest.mark.parametrize("store_name", ["memory"]),
    pytest.mark.xdist_group("documented_answers"),
]

Document = dict[str, Any]


@pytest.fixture(scope="module")
def strict() -> Iterator[Service]:
    """A node that lets each address open one session a minute."""
    with service(client_rate=1, **memory_settings()) as node:
        yield node


@dataclass(frozen=True)
class Storeless:
    """A node whose store has gone, and a cookie that it set before."""

    url: str
    cookie: str


@pytest.fixture(scope="module")
def storeless() -> Iterator[Storeless]:
    """A node whose store has gone."""
    with store_server("valkey") as store, service(**server_settings(store)) as node:
        cookie = httpx.get(f"{node.url}/session", verify=False).headers["set-cookie"]
        note_issued([cookie])
        store.stop()
        yield Storeless(node.url, cookie.partition(";")[0])


@pytest.fixture
async def document(http: httpx.AsyncClient) -> Document:
    """The HTTP document of `node`."""
    found: Document = (await http.get("/openapi.json")).json()
    return found


def _documented(document: Document, method: str, path: str, status: int) -> Document:
    answer: Document = document["paths"][path][method.lower()]["responses"][str(status)]
    return answer


def _check(document: Document, answer: httpx.Response, status: int) -> None:
    request = answer.request
    said = _documented(document, request.method, request.url.path, status)
    assert answer.status_code == status
    assert list(said["content"]) == [answer.headers["content-type"]]
    assert said["content"]["application/problem+json"]["example"] == answer.json()
    assert ("Retry-After" in said.get("headers", ())) == ("retry-after" in answer.headers)


@pytest.mark.parametrize(("method", "path"), OPENING)
async def test_409_after_a_logout(
    http: httpx.AsyncClient, document: Document, method: str, path: str
) -> None:
    cookie = (await http.get("/session")).headers["set-cookie"].partition(";")[0]
    await http.post("/logout")

    _check(document, await http.request(method, path, headers={"cookie": cookie}), 409)


@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_403_from_a_foreign_page(
    http: httpx.AsyncClient, document: Document, method: str, path: str
) -> None:
    await http.get("/session")

    answer = await http.request(method, path, headers={"origin": "http://elsewhere.test"})

    _check(document, answer, 403)


@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_413_with_a_large_body(
    http: httpx.AsyncClient, document: Document, method: str, path: str
) -> None:
    _check(document, await http.request(method, path, content=b"x" * 1_100_000), 413)


@pytest.mark.parametrize(("method", "path"), OPENING)
async def test_429_for_one_address_that_opens_many(
    strict: Service, document: Document, method: str, path: str
) -> None:
    async with http_client(strict.url) as client:
        await client.get("/session")
        client.cookies.clear()
        answer = await client.request(method, path)

    _check(document, answer, 429)


@pytest.mark.parametrize(("method", "path"), ASKING)
async def test_503_without_a_store(
    storeless: Storeless, document: Document, method: str, path: str
) -> None:
    # With a cookie, since there is nothing to end for a logout without one.
    async with http_client(storeless.url, cookie=storeless.cookie) as client:
        _check(document, await client.request(method, path), 503)


@pytest.mark.parametrize(("body", "status"), [(b"\xff", 400), (b"", 422)])
async def test_what_is_no_body_is_answered_as_documented(
    http: httpx.AsyncClient, document: Document, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    answer = await http.request(*SIGNING_IN, content=body, headers=headers)

    said = _documented(document, *SIGNING_IN, status)["content"]["application/problem+json"]
    assert answer.status_code == status
    assert said["example"] == {name: answer.json()[name] for name in said["example"]}


async def test_400_and_422_by_the_idempotency_key(
    http: httpx.AsyncClient, document: Document
) -> None:
    await http.get("/session")
    for key, body, status in (
        ("short", b"", 400),
        ("a good key", b"", 200),
        ("a good key", b"1", 422),
    ):
        answer = await http.post("/incr", headers={"idempotency-key": key}, content=body)
        if status == 200:
            assert answer.status_code == status
        else:
            _check(document, answer, status)


def _routes(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            yield method.upper(), path, route


async def test_no_error_is_documented_that_does_not_happen(document: Document) -> None:
    documented = {
        (method, path, int(status))
        for method, path, route in _routes(document)
        for status in route["responses"]
        if int(status) >= 400 and path not in OF_USERS
    }

    tested = {(*SIGNING_IN, 400), (*SIGNING_IN, 422)}
    tested |= {(*route, 409) for route in OPENING} | {(*route, 429) for route in OPENING}
    tested |= {(*route, status) for route in CHANGING for status in (403, 413)}
    tested |= {(*route, 503) for route in ASKING}
    tested |= {("POST", "/incr", status) for status in (400, 422)}
    assert documented == tested


async def test_every_route_is_described_and_every_body_has_an_example(document: Document) -> None:
    for method, path, route in _routes(document):
        assert route["summary"], path
        assert route["description"], path
        for status, answer in route["responses"].items():
            assert answer["description"] != "Successful Response", (method, path)
            if (path, status) == ("/devices/{key}", "422"):
                continue  # FastAPI says so of any parameter, though none of a path is no text
            for body in answer.get("content", {}).values():
                described = {"example", "examples"} & set(body)
                assert described or _has_examples(document, body), (method, path, status)


def _has_examples(document: Document, body: Document) -> bool:
    ref = body["schema"].get("items", body["schema"])["$ref"]
    schema = document["components"]["schemas"][ref.rpartition("/")[2]]
    return all(member.get("examples") for member in schema["properties"].values())
