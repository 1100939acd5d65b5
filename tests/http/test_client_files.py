"""The browser's client, where and as the Node server has it."""

import gzip
import re

import httpx
import pytest

from app.http.static import VENDOR
from tests.http.test_documents import CLIENT_FILES
from tests.support.http import problem

pytestmark = pytest.mark.parametrize("store_name", ["memory"])

URL = "/socket.io/socket.io.min.js"


def _file(name: str) -> bytes:
    return (VENDOR / "socket.io" / name).read_bytes()


def _version() -> str:
    [version] = re.findall(rb"Socket.IO v([\d.]+)", _file("socket.io.js"))
    return str(version.decode())


@pytest.mark.parametrize("name", CLIENT_FILES)
async def test_a_file_is_served_with_the_fields_of_the_node_server(
    http: httpx.AsyncClient, name: str
) -> None:
    plain = {"accept-encoding": "identity"}
    got = await http.get(f"/socket.io/{name}", headers=plain)
    head = await http.head(f"/socket.io/{name}", headers=plain)

    kind = "json" if name.endswith(".map") else "javascript"
    assert got.content == _file(name)
    for answer in (got, head):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"application/{kind}; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=0"
        assert answer.headers["etag"] == f'"{_version()}"'
        assert answer.headers["content-length"] == str(len(_file(name)))
        assert "set-cookie" not in answer.headers
    assert head.content == b""


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
async def test_who_has_it_gets_nothing_but_that(http: httpx.AsyncClient, form: str) -> None:
    answer = await http.get(URL, headers={"if-none-match": form.format(_version())})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{_version()}"'


@pytest.mark.parametrize("form", ['"4.0.0"', "{}", '"{}x"'])
async def test_who_has_another_gets_the_file(http: httpx.AsyncClient, form: str) -> None:
    answer = await http.get(URL, headers={"if-none-match": form.format(_version())})

    assert (answer.status_code, answer.content) == (200, _file("socket.io.min.js"))


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("deflate, GZIP", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("br", False),
        ("xgzip", False),
    ],
)
async def test_it_is_packed_for_those_who_take_it_so(
    http: httpx.AsyncClient, accepted: str, packed: bool
) -> None:
    async with http.stream("GET", URL, headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert "Accept-Encoding" in answer.headers["vary"].split(", ")
    assert ("content-encoding" in answer.headers) is packed
    assert (gzip.decompress(raw) if packed else raw) == _file("socket.io.min.js")
    assert answer.headers["content-length"] == str(len(raw))


async def test_other_methods_and_names_are_refused(http: httpx.AsyncClient) -> None:
    posted = await http.post(URL)

    assert problem(posted) == (405, "method-not-allowed")
    assert posted.headers["allow"] == "GET, HEAD"
    for name in ("LICENSE", "socket.io.cjs", "../index.js"):
        assert (await http.get(f"/socket.io/{name}")).status_code == 404, name
