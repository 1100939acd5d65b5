"""Ports of tests: those of one process are given to no other, whichever run it is part of."""

import os
import subprocess
import sys

from tests.support.processes import ROOT, free_port

MANY = 700
"""More than a process has to itself."""


def test_two_processes_are_given_no_port_in_common() -> None:
    ours = {free_port() for _ in range(MANY)}
    code = f"from tests.support.processes import free_port; print(*(free_port() for _ in range({MANY})))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    theirs = {int(port) for port in told.stdout.split()}

    assert len(theirs) > MANY / 2
    assert not theirs & ours
