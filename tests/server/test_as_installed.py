"""The package under its installed name, in a folder of a product's: nothing of the checkout is importable."""

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.processes import ROOT, Process, free_port

pytestmark = pytest.mark.slow  # each starts a process


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of packages with Mooring, but without its example."""
    shutil.copytree(
        ROOT / "app",
        tmp_path / "packages" / "fastapi_mooring",
        ignore=shutil.ignore_patterns("example", "__pycache__"),
    )
    return tmp_path / "packages"


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A folder with a product whose package is called `app`."""
    package = tmp_path / "product" / "app"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text(
        "from fastapi import FastAPI\n"
        "app = FastAPI()\n"
        "app.add_api_route('/hello', lambda: 'from the product')\n"
    )
    return package.parent


def test_a_product_that_is_called_app_is_served(packages: Path, product: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hello"

    def answers() -> bool:
        try:
            return bool(httpx.get(url, verify=False).json() == "from the product")
        except httpx.TransportError:
            return False

    process = Process(
        [sys.executable, "-m", "fastapi_mooring", "app.main:app"],
        product,
        {"PYTHONPATH": str(packages), "PORT": str(port)},
    )
    process.start(answers, within=20)
    assert process.stop() == 0
    assert " (app.main:app, memory store, fast paths on)" in process.log().splitlines()[0]


def test_without_the_example_an_app_has_to_be_named(packages: Path, product: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fastapi_mooring"],
        cwd=product,
        env={"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr == (
        "mooring cannot start: APP: missing; name your app: "
        "python -m fastapi_mooring package.module:attribute\n"
    )
