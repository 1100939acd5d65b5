"""The promises where every session has a user: one test of each here, all by `make test-signed-in`."""

import os
import subprocess
import sys

import pytest

from tests.support.http import cookie_header, http_client
from tests.support.processes import ROOT
from tests.support.promises import promised_files
from tests.support.raw import raw_polling
from tests.support.service import service
from tests.support.stores import StoreSettings

SIGNED_IN = "tests.product.signed_in:app"


async def test_a_session_has_a_user_whether_a_route_or_a_handshake_opens_it(
    any_store: StoreSettings,
) -> None:
    async with service(app=SIGNED_IN, **any_store) as node, http_client(node.url) as client:
        await client.get("/session")
        [device] = (await client.get("/devices")).json()
        assert (device["label"], device["current"]) == ("Firefox on Linux", True)
        async with raw_polling(node.url, leave=False) as socket:
            await socket.join()
            cookie = {"cookie": cookie_header(socket.client)}
            [device] = (await client.get("/devices", headers=cookie)).json()
            assert (device["label"], device["sockets"]) == ("Firefox on Linux", 1)


def without_xdist() -> dict[str, str]:
    """Return the environment without what says that a test runs beside others."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


@pytest.mark.thorough
def test_a_test_of_each_promise_passes_with_them() -> None:
    files = sorted(str(each) for each in promised_files())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-m", "product and smoke", *files],
        cwd=ROOT,
        env={**without_xdist(), "MOORING_TEST_APP": SIGNED_IN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
