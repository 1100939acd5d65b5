"""Requests as no browser sends them: each is answered, none with an error of ours."""

import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.eventually import PATIENCE
from tests.support.http import PROBLEM
from tests.support.leftovers import INSPECTION_APP
from tests.support.processes import ROOT
from tests.support.samples import times
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

PATHS = [
    *("/", "/session", "/incr", "/logout", "/session/rotate", "/healthz", "/readyz", "/metrics"),
    *("/docs", "/docs/events", "/openapi.json", "/asyncapi.json", "/socket.io/socket.io.js"),
    *(
        "/no/such",
        "//incr",
        "/incr/",
        "/../incr",
        "/%2e%2e/%00",
        "/incr?a=%ff",
        "/session;a=1",
        "*",
    ),
]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]
HEADERS = [
    *("Cookie", "Origin", "Content-Type", "Sec-Fetch-Site", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("Accept", "Access-Control-Request-Method", "X-Request-ID", "If-None-Match", "Range", "Host"),
]
VALUES = [
    *("", "null", "*", "session=", "session=a.b; session=c.d", "=; ;=", "http://localhost:4200"),
    *(
        "cross-site",
        "bytes=0-1",
        "bytes=9-",
        "application/json",
        "POST",
        "a" * 4000,
        '"',
        "1.2.3.4",
    ),
]
BODIES = [b"", b"{}", b"[" * 5000, b"null", b"\xff\xfe", b"4" * 100_000]
_CONFIG = ("--config-file", str(Path(__file__).with_name("schemathesis.toml")))


@pytest.mark.proof
def test_the_public_fuzzer_finds_no_fault_with_any_operation(valkey: StoreServer) -> None:
    with service(**server_settings(valkey)) as node:
        found = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "schemathesis.cli",
                    *_CONFIG,
                    "run",
                    f"{node.url}/openapi.json",
                ),
                *("--checks=all", "--phases=examples,coverage,fuzzing,stateful"),
                *(f"--max-examples={times(15, of=50)}", "--no-color"),
                # A 405 of Starlette's allows the methods of the first route of a path alone.
                "--exclude-checks=allow_header_conformance",
                "--warnings=off",  # that nobody is signed in
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert found.returncode == 0, found.stdout + found.stderr
    assert "No issues found" in found.stdout


@pytest.mark.proof
def test_any_request_is_answered_and_an_error_is_a_problem_of_the_client() -> None:
    with service(module=INSPECTION_APP) as node:

        @settings(
            max_examples=times(150, of=500), deadline=None, phases=[Phase.reuse, Phase.generate]
        )
        @given(
            st.sampled_from(METHODS),
            st.sampled_from(PATHS),
            st.dictionaries(st.sampled_from(HEADERS), _values(), max_size=4),
            st.sampled_from(BODIES),
        )
        def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
            with node.watched():
                _check((method, path, headers), _answer(node, method, path, headers, body))

        ask()
        assert node.alive


def _values() -> st.SearchStrategy[str]:
    printed = st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"])
    return st.sampled_from(VALUES) | st.text(printed, max_size=30)


def _check(asked: tuple[str, str, Mapping[str, str]], answer: HTTPResponse) -> None:
    content_type = answer.headers.get_content_type()
    assert answer.status < 500, (asked, answer.status)
    if answer.status >= 400 and asked[0] not in ("HEAD", "OPTIONS"):
        assert content_type == PROBLEM, (asked, answer.status, content_type)
    if content_type:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def _answer(
    node: Service, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> HTTPResponse:
    connection = HTTPConnection(node.host, node.port, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()
