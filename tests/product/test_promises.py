"""Every promise has tests that are run on a product, on the memory store and on a server."""

import os
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.support.processes import ROOT
from tests.support.promises import files_by_promise, promised_files

pytestmark = pytest.mark.xdist_group("promises")  # what is collected is collected once

PROMISES = files_by_promise()
SERVERS_ALONE = {"P8", "P9", "P22"}
"""Promises of outages, and of nodes that share a server: a store in memory has neither."""


@pytest.fixture(scope="module")
def collected() -> dict[str, list[str]]:
    """What `make test-product` runs: parameters of the tests in each file."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "product"]
    files = sorted({file for files in PROMISES.values() for file in files})
    environ = {**os.environ, "MOORING_TEST_APP": "tests.product.turnstile:app"}
    done = subprocess.run(
        [*command, *files], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        file, separator, test = line.partition("::")
        if separator:
            found[file].append(test.partition("[")[2])
    return found


def test_the_table_has_the_promises_that_are_kept() -> None:
    assert list(PROMISES) == [f"P{number}" for number in range(1, 23) if number != 17]


@pytest.mark.parametrize("promise", PROMISES)
def test_each_file_of_a_promise_is_run_on_the_product(
    promise: str, collected: dict[str, list[str]]
) -> None:
    of_any_app = [file for file in PROMISES[promise] if ROOT / file in promised_files()]
    assert of_any_app
    assert [file for file in of_any_app if not collected[file]] == []


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_tested_on_each_store_that_has_it(
    promise: str, collected: dict[str, list[str]]
) -> None:
    parameters = {
        value
        for file in PROMISES[promise]
        for each in collected[file]
        for value in each.rstrip("]").split("-")
    }
    assert "valkey" in parameters
    assert promise in SERVERS_ALONE or "memory" in parameters
