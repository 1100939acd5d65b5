"""The commands that README shows exist, with their options."""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator

import pytest

from tests.docs.markdown import blocks
from tests.docs.names import make_targets
from tests.support.compose import services
from tests.support.processes import ROOT

README = ROOT / "README.md"
_COMPOSE = {"up", "down", "logs", "ps", "build", "exec", "stop"}


def _commands() -> Iterator[str]:
    for block in blocks(README):
        if block.language == "sh":
            yield from (line.partition("#")[0].strip() for line in block.text.splitlines() if line)


def _is_make(words: list[str]) -> bool:
    target, *variables = words
    text = (ROOT / "Makefile").read_text()
    return target in make_targets() and all(
        f"$({each.split('=')[0]})" in text for each in variables
    )


def _is_compose(words: list[str]) -> bool:
    names = services()
    profiles = {each for service in names.values() for each in service.get("profiles", ())}
    known = _COMPOSE | profiles | set(names) | {f"{name}={n}" for name in names for n in range(9)}
    return all(word.startswith("-") or word in known for word in words)


def _is_pip(words: list[str]) -> bool:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = re.fullmatch(r"([\w-]+)(?:\[([\w,]+)\])?", words[-1])
    assert found is not None
    extras = set((found[2] or "").split(",")) - {""}
    return found[1] == project["name"] and extras <= set(project.get("optional-dependencies", {}))


_PROGRAMS: dict[str, Callable[[list[str]], bool]] = {
    "make": _is_make,
    "docker-compose": _is_compose,
    "pip": _is_pip,
}


def _is_known(command: str) -> bool:
    program, *words = shlex.split(command)
    return program in _PROGRAMS and _PROGRAMS[program](words)


@pytest.mark.parametrize("command", list(_commands()))
def test_a_command_of_readme_exists(command: str) -> None:
    assert _is_known(command)


@pytest.mark.parametrize(
    "command",
    [
        "make rum",
        "make run NONE=1",
        "docker-compose pu",
        "docker-compose --profile all up",
        "npm start",
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    assert not _is_known(command)


def test_readme_begins_with_how_to_run_and_test_it() -> None:
    assert list(_commands())[:2] == ["make run", "make test"]
