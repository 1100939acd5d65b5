"""That the benchmarks run, and end; not how fast anything is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.processes import ROOT

_TWO = ("--system", "node", "--system", "mooring")
_COMMAND = (sys.executable, "-m", "benchmarks", "--quick", "--only", "logout", *_TWO)


@pytest.mark.thorough
def test_one_figure_gives_a_table_results_and_a_picture(tmp_path: Path) -> None:
    run = subprocess.run(
        [*_COMMAND, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "logout to the last socket" in run.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    both = results["figures"]["logout"]["redis"]
    assert both.keys() == {"node", "mooring"}
    [ours], [theirs] = both["mooring"], both["node"]
    assert all(0 < sample["last_ms"] < 5_000 for sample in (ours, theirs))
    [line] = results["ratios"]
    assert line["ratio"] == ours["last_ms"] / theirs["last_ms"]
    assert (tmp_path / "results.svg").read_text().startswith("<svg")


async def test_a_benchmark_that_is_killed_takes_its_processes_along() -> None:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(_COMMAND, cwd=ROOT, stdout=quiet, stderr=quiet) as benchmark:
        try:
            # A store, two servers and their two loads; then nothing is started for a while.
            children = await eventually(lambda: _children(benchmark.pid, 5), within=20.0)
        finally:
            benchmark.kill()

    await eventually(lambda: not any(map(_runs, children)), within=10.0)


def _children(pid: int, number: int) -> list[int]:
    """So many child processes, once each is what it is going to be; none before."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    names = [Path(f"/proc/{child}/comm").read_text().strip() for child in children]
    started = len(names) >= number and not {"setpriv", "taskset", "python"} & set(names)
    return [int(child) for child in children] if started else []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # it has been reaped, too
        return False
