"""The documents that describe us, and the files of others that show them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.support.in_process import in_process
from tests.support.processes import ROOT

VENDOR = ROOT / "app" / "http" / "vendor"
MODULES = ROOT / "tests" / "js" / "node_modules"

CLIENTS = ("socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min")
CLIENT_FILES = [f"{name}.js{more}" for name in CLIENTS for more in ("", ".map")]
ORIGINALS = {f"socket.io/{name}": f"socket.io-client/dist/{name}" for name in CLIENT_FILES} | {
    "swagger-ui/swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
}


one_store = pytest.mark.parametrize("store_name", ["memory"])
"""No store has a part in the example's documents."""


@pytest.mark.parametrize("copy", ORIGINALS)
def test_a_file_of_others_is_what_its_package_holds(copy: str) -> None:
    assert (VENDOR / copy).read_bytes() == (MODULES / ORIGINALS[copy]).read_bytes()


def test_every_script_and_style_of_others_is_compared() -> None:
    files = {
        str(file.relative_to(VENDOR))
        for file in VENDOR.rglob("*")
        if file.suffix in (".js", ".css", ".map")
    }

    assert files == set(ORIGINALS)


@one_store
@pytest.mark.slow
async def test_the_public_parser_finds_no_fault_with_the_events(http: httpx.AsyncClient) -> None:
    document = await http.get("/asyncapi.json")

    found = json.loads(_node("asyncapi.mjs", document.text))

    assert found == {"valid": True, "errors": []}
    operations = document.json()["operations"]
    assert {name: each["action"] for name, each in operations.items()} == {
        "incr": "receive",
        "incr-once": "receive",
        "current-count": "send",
        "session-ended": "send",
    }


@one_store
async def test_every_message_is_described_and_has_an_example(http: httpx.AsyncClient) -> None:
    document = (await http.get("/asyncapi.json")).json()

    for name, message in document["channels"]["root"]["messages"].items():
        assert message["description"], name
        assert message["examples"], name


async def test_both_documents_know_the_cookie_under_the_name_that_it_has() -> None:
    async with in_process(session_cookie_secure=True) as client:
        for path in ("/openapi.json", "/asyncapi.json"):
            components = (await client.get(path)).json()["components"]
            assert components["securitySchemes"]["session"]["name"] == "__Host-session"


async def test_the_http_document_declares_routes_errors_and_the_cookie(
    http: httpx.AsyncClient,
) -> None:
    document = (await http.get("/openapi.json")).json()

    assert {"/session", "/incr", "/logout", "/session/rotate", "/healthz", "/readyz"} | {
        *("/sign-in", "/user", "/devices", "/devices/{key}")
    } == set(document["paths"])
    scheme = document["components"]["securitySchemes"]["session"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", "session")
    assert document["paths"]["/incr"]["post"]["security"] == [{"session": []}, {}]
    for status in ("409", "503"):
        answer = document["paths"]["/incr"]["post"]["responses"][status]
        assert list(answer["content"]) == ["application/problem+json"]


@one_store
@pytest.mark.parametrize("path", ["/", "/docs", "/docs/events"])
async def test_a_page_loads_nothing_from_elsewhere(http: httpx.AsyncClient, path: str) -> None:
    page = (await http.get(path)).text

    assert "http://" not in page
    assert "https://" not in page
    loaded = re.findall(r'(?:src|href)="([^"]+\.(?:js|css|svg))"', page)
    assert len(loaded) >= 3
    for part in loaded:
        assert not part.startswith("/"), "a proxy may have a prefix for it"
        assert (await http.get(urljoin(path, part))).status_code == 200, part


def _node(script: str, text: str) -> str:
    node = shutil.which("node", path=f"{ROOT / '.venv' / 'bin'}:/usr/local/bin:/usr/bin")
    assert node, "node is missing: `make test-needs` installs it"
    ran = subprocess.run(
        [node, str(Path("tests") / "js" / script)],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    return ran.stdout
