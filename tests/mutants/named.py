"""Mutants that somebody has thought of: each a text to replace, and the tests that must fail then."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.checkout import checkout
from tests.support.processes import ROOT

LISTS = sorted(Path(__file__).parent.glob("named_*.toml"))
TIMEOUT_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One of them.

    Attributes:
        name: what is broken.
        promise: which of the promises that breaks.
        file: where.
        old: a text that is there once.
        new: what takes its place.
        tests: node ids; each of them alone has to notice it.
    """

    name: str
    promise: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file in this checkout."""
        return ROOT / self.file


def read_all() -> list[Mutant]:
    """Return the mutants of all lists."""
    return [mutant for each in LISTS for mutant in _read(each)]


def _read(path: Path) -> Iterator[Mutant]:
    for fields in tomllib.loads(path.read_text("utf-8"))["mutant"]:
        yield Mutant(**{**fields, "tests": tuple(fields["tests"])})


def run(mutants: Sequence[Mutant]) -> list[str]:
    """Break a copy of the checkout in each way; return what survives, and print each as it is decided.

    A test that fails without a mutant, too, proves nothing: its mutant survives. Nor does one that fails by
    chance: it has to fail twice.
    """
    survivors, survived = [], 0
    with checkout() as copy:
        useless = _failing(copy, {test for mutant in mutants for test in mutant.tests})
        for number, mutant in enumerate(mutants, 1):
            missed = [
                test
                for test in mutant.tests
                if test in useless or not _is_killed(copy, mutant, test)
            ]
            survivors += [f"{mutant.name}: {test}" for test in missed]
            survived += bool(missed)
            verdict = f"SURVIVED {', '.join(missed)}" if missed else "killed"
            _say(f"{number}/{len(mutants)} {mutant.promise} {mutant.name}: {verdict}")
    _say(f"named: {len(mutants) - survived} of {len(mutants)} killed")
    return survivors


def _failing(copy: Path, tests: set[str]) -> set[str]:
    """Return the tests that fail without a mutant; a second time alone, as the machine may be busy."""
    if _passes(copy, *sorted(tests)):
        return set()
    failing = {test for test in sorted(tests) if not _passes(copy, test)}
    for test in failing:
        _say(f"fails without a mutant, too: {test}")
    return failing


def _is_killed(copy: Path, mutant: Mutant, test: str) -> bool:
    path = copy / mutant.file
    source = path.read_text("utf-8")
    path.write_text(source.replace(mutant.old, mutant.new), "utf-8")
    try:
        return not (_passes(copy, test) or _passes(copy, test))
    finally:
        path.write_text(source, "utf-8")


def _passes(copy: Path, *tests: str) -> bool:
    """Return whether tests pass; those that never end do not."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            capture_output=True,
            timeout=TIMEOUT_SECONDS * len(tests),
            check=False,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in {0, 1}:
        raise RuntimeError(
            f"{', '.join(tests)}: not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.returncode == 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command
