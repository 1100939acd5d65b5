"""What is in the wheel, and what it says of itself."""

import ast
import subprocess

import app
from tests.package.environments import ALL
from tests.package.wheel import Wheel
from tests.support.processes import ROOT

PACKAGE = "fastapi_mooring/"
DIST_INFO = f"fastapi_mooring-{app.__version__}.dist-info/"


def test_wheel_has_the_files_of_the_package_and_no_others(wheel: Wheel) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "app"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = {PACKAGE + name.removeprefix("app/") for name in tracked if (ROOT / name).exists()}
    assert {name for name in wheel.files if not name.startswith(DIST_INFO)} == wanted


def test_wheel_has_what_a_browser_needs_and_the_marker_of_types(wheel: Wheel) -> None:
    for name in (
        "py.typed",
        "example/pages/index.html",
        "http/pages/docs.html",
        "http/vendor/socket.io/socket.io.min.js",
        "http/vendor/swagger-ui/swagger-ui-bundle.js",
    ):
        assert PACKAGE + name in wheel.files


def test_package_imports_itself_by_no_name(wheel: Wheel) -> None:
    for name, content in wheel.files.items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module is not None
                imported = [node.module]
            elif isinstance(node, ast.Import):
                imported = [each.name for each in node.names]
            else:
                continue
            roots = {each.partition(".")[0] for each in imported}
            assert not roots & {"app", "fastapi_mooring", "tests"}, f"{name}:{node.lineno}"


def test_metadata_name_the_version_the_licenses_and_the_extras(wheel: Wheel) -> None:
    metadata = wheel.metadata
    assert metadata["Name"] == "fastapi-mooring"
    assert metadata["Version"] == app.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT AND Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_all("Provides-Extra") == sorted(ALL)
    licenses = metadata.get_all("License-File")
    assert licenses
    assert {"LICENSE", "app/http/vendor/swagger-ui/NOTICE"} <= set(licenses)
    for name in licenses:
        assert f"{DIST_INFO}licenses/{name}" in wheel.files


def test_requirements_have_lower_bounds_and_two_have_upper_ones(wheel: Wheel) -> None:
    capped = set()
    for requirement in wheel.requirements(ALL):
        operators = {each.operator for each in requirement.specifier}
        assert ">=" in operators, requirement
        assert operators <= {">=", "<"}, requirement
        if "<" in operators:
            capped.add(requirement.name)
    assert capped == {"python-socketio", "redis"}


def test_core_requires_no_server_and_no_redis(wheel: Wheel) -> None:
    names = {each.name for each in wheel.requirements(())}
    assert not names & {"uvicorn", "uvloop", "httptools", "websockets", "redis", "hiredis"}
