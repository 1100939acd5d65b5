"""examples/existing: both apps serve one client alike, and docs/migrating.md shows what changes."""

import difflib
import os
import subprocess

import pytest

from tests.docs.markdown import blocks
from tests.examples.conftest import EXAMPLES, Example
from tests.support.driver import node_binary
from tests.support.processes import ROOT, free_port

EXISTING = EXAMPLES / "existing"
SEEN = """\
joined bob
ack 1
said bob ahoy
said bob ahoy
history [ 'ahoy' ]
left bob
refused who are you? false
"""


@pytest.mark.parametrize("app", ["before:asgi", "after:app"])
def test_a_client_sees_no_difference(existing: Example, app: str) -> None:
    port = free_port()
    serve = (existing.program("uvicorn"), app, "--port", str(port))
    with existing.served(*serve, port=port) as url:
        ran = subprocess.run(
            [node_binary(), "client.mjs", url],
            cwd=existing.files,
            env=os.environ | {"SOCKET_IO": str(ROOT / "tests" / "js")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert ran.stdout == SEEN, ran.stderr


def test_the_page_shows_the_difference_as_it_is() -> None:
    before, after = (
        (EXISTING / name).read_text().splitlines(keepends=True)
        for name in ("before.py", "after.py")
    )
    difference = "".join(difflib.unified_diff(before, after, "before.py", "after.py", n=0))

    [shown] = [
        each.text for each in blocks(ROOT / "docs" / "migrating.md") if each.language == "diff"
    ]

    assert shown == difference
