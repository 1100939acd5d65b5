"""python -m tests.mutants: break the code on purpose, and see that the tests notice it.

`named` runs the lists of tests/mutants/named_*.toml, each mutant against its own tests, and exits with 1 if
one survives; `generated` those that mutmut makes, and exits with 1 if fewer than 95 of 100 are killed.
"""

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatch

from tests.mutants import generated, named

GOAL = 0.95


def main() -> int:
    """Run what is asked for, and return the exit code."""
    options = _options()
    if options.kind == "named":
        wanted = [each for each in named.read_all() if _is_meant(each.name, options.only)]
        return int(bool(named.run(wanted)))
    return _run_generated(options.only or ["*"], options.sample, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("kind", choices=["named", "generated"])
    parser.add_argument(
        "only", nargs="*", help="part of a name; or pattern of a file: 'app/users/*'"
    )
    parser.add_argument(
        "--sample", type=int, help="so many of each file; all, if this is not given"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    return parser.parse_args()


def _is_meant(name: str, parts: Sequence[str]) -> bool:
    return not parts or any(part in name for part in parts)


def _run_generated(patterns: Sequence[str], sample: int | None, seed: int) -> int:
    chosen = [
        each
        for each in generated.modules()
        if any(fnmatch(each.file, pattern) for pattern in patterns)
    ]
    known, used = generated.equivalents(), set[generated.Equivalent]()
    killed = number = 0
    for outcome in generated.run(chosen, sample, seed):
        covered = 0
        for name, change in outcome.left.items():
            covering = {each for each in known if each.covers(outcome.file, change)}
            used |= covering
            if covering or change.is_text:
                covered += 1
            else:
                _say(f"  {name}\n  - {change.was}\n  + {change.becomes}")
        for test in outcome.failing:
            _say(f"  fails without a mutant, too, and was left out: {test}")
        counted = outcome.number - covered
        _say(
            f"{outcome.file}: {_score(outcome.killed, counted)}, {covered} equivalent, "
            f"by {outcome.tests} tests"
        )
        killed, number = killed + outcome.killed, number + counted
    files = {each.file for each in chosen}
    for each in known if sample is None else ():
        if each.file in files and each not in used:
            _say(f"killed by now, so no equivalent: {each.file}: {each.was} -> {each.becomes}")
    _say(f"all: {_score(killed, number)}")
    return int(number > 0 and killed / number < GOAL)


def _score(killed: int, number: int) -> str:
    return f"{killed} of {number} killed ({killed / number:.0%})" if number else "none"


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
