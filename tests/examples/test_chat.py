"""examples/chat as its users have it: on the wheel, with nothing private, and with types that are true."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import app
from tests.examples.conftest import EXAMPLES, Example
from tests.support.compose import services
from tests.support.processes import ROOT

CHAT = EXAMPLES / "chat"
MODULES = sorted((CHAT / "chat").glob("*.py"))


@pytest.mark.thorough
def test_its_own_tests_pass_on_the_wheel(chat: Example) -> None:
    printed = chat.run(chat.program("python"), "-m", "pytest", "-q")

    assert re.search(r"^(\d+) passed", printed, re.MULTILINE), printed


@pytest.mark.thorough
def test_its_own_tests_notice_a_file_that_is_handed_to_anybody(chat: Example) -> None:
    files = chat.files / "chat" / "files.py"
    text = files.read_text()
    broken = text.replace("AND person = :user", "")
    assert broken != text
    files.write_text(broken)
    try:
        with pytest.raises(AssertionError, match="test_a_file_is_for_members_of_its_channel"):
            chat.run(chat.program("python"), "-m", "pytest", "-q", "tests/test_files.py")
    finally:
        files.write_text(text)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_it_imports_public_names_alone(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            root = (node.module or "").partition(".")[0]
            assert root != "app"
            if root == "fastapi_mooring":
                assert node.module == "fastapi_mooring"
                assert {each.name for each in node.names} <= set(app.__all__)
        if isinstance(node, ast.Import):
            assert not [
                each for each in node.names if each.name.startswith(("app", "fastapi_mooring"))
            ]


def test_the_types_of_its_page_are_those_of_the_app(chat: Example, tmp_path: Path) -> None:
    made = tmp_path / "generated"
    chat.run(
        chat.program("python"),
        "-m",
        "fastapi_mooring.typescript",
        "chat.main:app",
        "--to",
        str(made),
    )

    kept = CHAT / "web" / "src" / "generated"
    assert {each.name: each.read_text() for each in made.iterdir()} == {
        each.name: each.read_text() for each in kept.iterdir()
    }, "in examples/chat: python -m fastapi_mooring.typescript chat.main:app --to web/src/generated"


def test_compose_gives_the_nodes_and_the_worker_one_history() -> None:
    override = yaml.safe_load((CHAT / "docker-compose.yml").read_text())
    base = services()
    app, worker = override["services"]["app"], override["services"]["worker"]

    assert app["build"] == worker["build"] == "examples/chat"
    assert "history:/data" in app["volumes"]
    assert "history:/data" in worker["volumes"]
    assert set(override["volumes"]) == {"history"}
    # What is not the same for both in one file and the other is a fault of the second.
    for key in ("read_only", "tmpfs", "cap_drop", "security_opt", "init", "depends_on"):
        assert worker[key] == base["app"][key], key
    assert worker["environment"]["SECRETS_DIR"] == base["app"]["environment"]["SECRETS_DIR"]
    assert "CHAT_DATABASE=/data/" in (CHAT / "Dockerfile").read_text()


def test_the_make_target_builds_the_page_and_serves_the_app() -> None:
    printed = subprocess.run(
        ["make", "-n", "chat"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout

    assert "npm --prefix examples/chat/web run --silent build" in printed
    assert "cd examples/chat && exec " in printed
    assert "/bin/mooring chat.main:app" in printed
