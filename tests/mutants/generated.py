"""Mutants that mutmut makes: which of them are run, and what became of them."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import NamedTuple

from mutmut.mutation.file_mutation import mutate_file_contents

from tests.mutants.checkout import checkout
from tests.mutants.forking import PLAN
from tests.mutants.texts import only_texts_differ

_HERE = Path(__file__).parent
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.mutants.forking")
_ORIGINAL = "__mutmut_orig"


class Module(NamedTuple):
    """A file that is broken, and the patterns of the tests that have to notice it."""

    file: str
    tests: list[str]


class Change(NamedTuple):
    """What a mutant does: the lines of a function that differ, without their indentation.

    `is_text`: it is nothing but another way to write the text of an error or a log line.
    """

    function: str
    was: str
    becomes: str
    is_text: bool = False


class Equivalent(NamedTuple):
    """A mutant of which no test can know, or that does no harm, and why. Each pattern may end with a `*`.

    What it becomes may not begin with any of `but_not`.
    """

    file: str
    was: str
    becomes: str
    why: str
    but_not: tuple[str, ...] = ()

    def covers(self, file: str, change: Change) -> bool:
        """Return whether it is this one."""
        return (
            _fits(self.file, file)
            and _fits(self.was, change.was)
            and _fits(self.becomes, change.becomes)
            and not change.becomes.startswith(self.but_not)
        )


def _fits(pattern: str, text: str) -> bool:
    """Return whether a text is what a pattern says, which may end with a `*`."""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern


@dataclass
class Outcome:
    """What became of a file's mutants: how many were run and killed, and what is left, with its change.

    `failing` are tests that were of no use, as they fail without a mutant, too.
    """

    file: str
    tests: int
    failing: list[str]
    number: int
    killed: int
    left: dict[str, Change]


def modules() -> list[Module]:
    """Return what is broken."""
    listed = tomllib.loads((_HERE / "modules.toml").read_text("utf-8"))
    return [Module(**each) for each in listed["module"]]


def equivalents() -> list[Equivalent]:
    """Return what is known to be equivalent."""
    listed = tomllib.loads((_HERE / "equivalents.toml").read_text("utf-8"))
    return [
        Equivalent(**each | {"but_not": tuple(each.get("but_not", ()))})
        for each in listed.get("equivalent", [])
    ]


def run(chosen: Sequence[Module], sample: int | None, seed: int) -> Iterator[Outcome]:
    """Run the tests of each module against its mutants, or so many of them, which the seed chooses."""
    with checkout() as copy:
        for module in chosen:
            path = copy / module.file
            source = path.read_text("utf-8")
            mutated = mutate_file_contents(module.file, source)
            path.write_text(mutated.code, "utf-8")
            try:
                names = _sample(list(mutated.mutant_names), sample, seed)
                yield _run_tests(copy, module, mutated.code, names)
            finally:
                path.write_text(source, "utf-8")


def _run_tests(copy: Path, module: Module, code: str, names: list[str]) -> Outcome:
    prefix = module.file.removesuffix(".py").replace("/", ".") + "."
    plan, results = copy / "mutants-plan.json", copy / "mutants-results.json"
    written = {
        "names": [prefix + name for name in names],
        "passing": str(copy / "mutants-passing.json"),
        "results": str(results),
    }
    plan.write_text(json.dumps(written), "utf-8")
    tests = sorted(str(each) for pattern in module.tests for each in copy.glob(pattern))
    done = subprocess.run(
        [sys.executable, *_PYTEST, *tests],
        cwd=copy,
        env=os.environ | {PLAN: str(plan)},
        capture_output=True,
        check=False,
        text=True,
    )
    if not results.exists():
        raise RuntimeError(f"{module.file}: its tests were not run\n{done.stdout[-3000:]}")
    found = json.loads(results.read_text("utf-8"))
    results.unlink()
    functions = _functions(code)
    left = [name for name in names if found["of"][prefix + name] == "survived"]
    changes = {name: _change(functions, name) for name in left}
    killed = len(names) - len(left)
    return Outcome(module.file, found["tests"], found["failing"], len(names), killed, changes)


def _sample(names: list[str], number: int | None, seed: int) -> list[str]:
    if number is None or number >= len(names):
        return names
    return sorted(Random(seed).sample(sorted(names), number))


def _functions(code: str) -> dict[str, str]:
    """Return the source of each function by its name, which mutmut makes unique."""
    lines = code.splitlines()
    return {
        node.name: dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _change(functions: dict[str, str], name: str) -> Change:
    stem = name.rpartition("__mutmut_")[0]
    before = functions[stem + _ORIGINAL].replace(stem + _ORIGINAL, stem)
    after = functions[name].replace(name, stem)
    lines = list(ndiff(before.splitlines(), after.splitlines()))
    removed, added = (
        " ".join(line[2:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    function = stem.replace("ǁ", ".").removeprefix("x_").removeprefix("x.")
    return Change(function, removed, added, only_texts_differ(before, after))
