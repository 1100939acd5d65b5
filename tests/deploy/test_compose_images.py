"""The two Dockerfiles: what they are made from, and who runs what is in them."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch

import pytest

from tests.deploy.test_compose import OFFICIAL, SERVICES
from tests.support.processes import ROOT, free_port
from tests.support.service import service

FILES = ("Dockerfile", "spa/Dockerfile")
APP = "Dockerfile"

Instruction = tuple[str, str]


def instructions(dockerfile: str) -> list[Instruction]:
    """Return the instructions of a text, each in one line: (FROM, python:3.13-slim)."""
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    pairs = [line.partition(" ") for line in lines if line]
    return [(word, rest) for word, _, rest in pairs]


def stages(file: str) -> list[list[Instruction]]:
    """Return the instructions of a Dockerfile of the repository, stage by stage."""
    found: list[list[Instruction]] = []
    for word, rest in instructions((ROOT / file).read_text()):
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def all_of(found: list[Instruction], word: str) -> list[str]:
    """Return what follows a word in each instruction that begins with it."""
    return [rest for name, rest in found if name == word]


@pytest.mark.parametrize("file", FILES)
def test_it_is_made_in_two_stages_from_official_images(file: str) -> None:
    both = stages(file)
    assert len(both) == 2
    for image in [rest for each in both for rest in all_of(each, "FROM")]:
        name, _, tag = image.split()[0].partition(":")
        assert name in OFFICIAL
        assert tag[0].isdigit()
    assert [rest for rest in all_of(both[-1], "COPY") if not rest.startswith("--from=build ")] == []


@pytest.mark.parametrize("file", FILES)
def test_it_does_not_run_as_root(file: str) -> None:
    last = stages(file)[-1]
    [user] = all_of(last, "USER")
    assert user.split(":")[0] not in {"root", "0"}
    after = last[last.index(("USER", user)) :]
    assert {word for word, _rest in after} <= {"USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"}


@pytest.mark.parametrize("file", FILES)
def test_an_engine_without_buildkit_can_build_it(file: str) -> None:
    for word, rest in instructions((ROOT / file).read_text()):
        assert not rest.startswith(("--mount", "--chmod", "--link", "<<")), f"{word} {rest}"
    assert "# syntax" not in (ROOT / file).read_text()


def test_packages_are_those_of_the_lock_files() -> None:
    [_uv, sync, wheel] = all_of(stages(APP)[0], "RUN")
    assert sync == "uv sync --frozen --no-default-groups --all-extras"
    assert wheel.startswith("uv build ")
    assert " uv pip install --quiet --no-deps " in wheel
    assert "npm ci" in all_of(stages("spa/Dockerfile")[0], "RUN")[0]
    makefile = (ROOT / "Makefile").read_text()
    [version] = re.findall(r"UV_VERSION := (.*)", makefile)
    assert all_of(stages(APP)[0], "ARG") == [f"UV_VERSION={version}"]


@pytest.mark.parametrize("file", FILES)
def test_what_it_copies_is_there_and_gets_into_the_context(file: str) -> None:
    for rest in all_of(stages(file)[0], "COPY"):
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert _gets_in(source), source


@pytest.mark.parametrize(
    "name", [".env", "spa/.env", "app/.env.local", ".git", "spa/node_modules", "spa/dist", "tests"]
)
def test_what_is_no_part_of_an_image_stays_out_of_the_context(name: str) -> None:
    assert not _gets_in(name)


def _gets_in(path: str) -> bool:
    """Whether .dockerignore lets a path in: of the patterns that fit it or a parent, the last decides."""
    taken = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and _fits(path, pattern):
            taken = line.startswith("!")
    return taken


def _fits(path: str, pattern: str) -> bool:
    parts = path.split("/")
    ways = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    if pattern.startswith("**/"):
        return any(fnmatch(part, pattern.removeprefix("**/")) for part in parts)
    return any(fnmatch(way, pattern) for way in ways if way.count("/") == pattern.count("/"))


def test_a_node_s_health_check_distinguishes_one_that_answers_from_one_that_does_not() -> None:
    with service() as node:
        assert _checked(node.port) == 0
    assert _checked(free_port()) != 0


def _checked(port: int) -> int:
    [check] = all_of(stages(APP)[-1], "HEALTHCHECK")
    [program, *arguments] = json.loads(check[check.index("[") :])
    assert program == "python"
    ran = subprocess.run(
        [sys.executable, *arguments], env={"PORT": str(port)}, stderr=subprocess.PIPE, check=False
    )
    return ran.returncode


def test_nodes_listen_where_the_balancer_looks_for_them() -> None:
    settings = " ".join(all_of(stages(APP)[-1], "ENV"))
    assert "HOST=0.0.0.0" in settings
    assert "PORT=3000" in settings
    assert "presetenv NODES app:3000" in (ROOT / "deploy" / "haproxy.cfg").read_text()


@pytest.mark.parametrize(
    "name", sorted(set(SERVICES) - {"app", "secrets", "prometheus", "grafana"})
)
def test_what_is_not_built_here_has_a_health_check_in_compose(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_a_node_s_image_has_the_wheel_and_a_folder_for_a_product() -> None:
    last = stages(APP)[-1]
    assert all_of(last, "COPY") == ["--from=build /venv /venv"]
    assert all_of(last, "WORKDIR") == ["/product"]
    assert "PYTHONPATH=/product" in " ".join(all_of(last, "ENV")).split()


def test_a_node_s_image_starts_the_service_as_compose_does() -> None:
    [command] = all_of(stages(APP)[-1], "CMD")
    assert json.loads(command) == ["python", "-m", "fastapi_mooring"]
    assert SERVICES["app"]["command"] == [*json.loads(command), "${APP:-}"]
