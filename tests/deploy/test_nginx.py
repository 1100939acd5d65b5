"""deploy/nginx.conf: how browsers get the app's files, by a real nginx."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.http import http_client
from tests.support.nginx import API, configure, nginx, nginx_command

PAGE = "<!doctype html><title>the page</title>"
SCRIPT = "console.log('the script');\n" * 100
ON_ALL = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files with names such as Vite gives them."""
    folder = tmp_path / "files"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "anchor.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "assets" / "index-BGt3sj3V.js").write_text(SCRIPT)
    return folder


@asynccontextmanager
async def _served(files: Path, *, api: str = API) -> AsyncIterator[httpx.AsyncClient]:
    with nginx(files, api=api) as port:
        async with http_client(f"http://127.0.0.1:{port}") as client:
            yield client


def _policy(response: httpx.Response) -> dict[str, str]:
    """The Content-Security-Policy: directive to sources."""
    [header] = response.headers.get_list("content-security-policy")
    pairs = [each.strip().partition(" ") for each in header.split(";")]
    return {name: sources for name, _, sources in pairs}


def test_nginx_finds_no_fault_with_it(tmp_path: Path, files: Path) -> None:
    configure(tmp_path, files, 4200)
    tested = subprocess.run(
        nginx_command(tmp_path, "-t"), capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stderr
    assert "warn" not in tested.stderr


@pytest.mark.parametrize(
    ("api", "allowed"),
    [
        (API, "http://localhost:3000 ws://localhost:3000"),
        ("https://api.example.org", "https://api.example.org wss://api.example.org"),
        ("https://example.org/api/", "https://example.org wss://example.org"),
    ],
)
async def test_the_page_may_talk_to_its_api_and_run_its_own_files_and_no_more(
    files: Path, api: str, allowed: str
) -> None:
    async with _served(files, api=api) as client:
        policy = _policy(await client.get("/"))

    assert policy.pop("connect-src") == allowed
    own = {name for name, sources in policy.items() if "'self'" in sources}
    assert own == {"script-src", "style-src", "img-src", "font-src", "manifest-src"}
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)
    assert "@" not in str(policy)


async def test_every_answer_is_protected_and_says_nothing_of_the_server(files: Path) -> None:
    async with _served(files) as client:
        for path in ("/", "/assets/index-BGt3sj3V.js", "/anchor.svg", "/no/such.js"):
            answer = await client.get(path)
            assert ON_ALL.items() <= dict(answer.headers).items(), path
            assert _policy(answer)
            assert answer.headers["server"] == "nginx"


async def test_the_page_is_asked_for_anew_and_what_has_a_hash_never_again(files: Path) -> None:
    async with _served(files) as client:
        page = await client.get("/")
        again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
        script = await client.get("/assets/index-BGt3sj3V.js")

    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_file_that_is_not_there_yet_is_missed_and_not_kept(files: Path) -> None:
    async with _served(files) as client:
        for path in ("/assets/index-00000000.js", "/favicon.ico", "/.env", "/assets/../../x.js"):
            answer = await client.get(path)
            assert answer.status_code in {400, 404}, path
            assert "cache-control" not in answer.headers
            assert PAGE not in answer.text


async def test_every_other_address_is_the_app_s(files: Path) -> None:
    async with _served(files) as client:
        for path in ("/somewhere", "/somewhere/else/", "/assets", "/?query=1"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (200, PAGE), path
            assert answer.headers["cache-control"] == "no-cache"


async def test_what_is_long_is_sent_packed(files: Path) -> None:
    async with _served(files) as client:
        script = await client.get("/assets/index-BGt3sj3V.js")
        plain = {"accept-encoding": "identity"}
        unpacked = await client.get("/assets/index-BGt3sj3V.js", headers=plain)

    assert script.text == unpacked.text == SCRIPT
    assert script.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in unpacked.headers
    assert script.headers["vary"] == "Accept-Encoding"
    assert "javascript" in script.headers["content-type"]
    assert "charset=utf-8" in script.headers["content-type"]
