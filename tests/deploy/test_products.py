"""A product in the image, without an engine: the folder, the variables and the command are the image's."""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.test_compose_images import APP, all_of, instructions, stages
from tests.support.compose import services
from tests.support.processes import ROOT, Process, free_port

PRODUCT = """
from fastapi import FastAPI
from fastapi_mooring import Mooring, SessionDep

app = FastAPI()
mooring = Mooring(app)
app.include_router(mooring.health_router())


@app.get("/count")
async def count(session: SessionDep) -> dict[str, int | str]:
    session["count"] = session.get("count", 0) + 1
    return {"count": session["count"], "from": __name__}
"""
NODE = stages(APP)[-1]
DOCUMENTED = re.findall(
    r"^```dockerfile.*?\n(.*?)^```$",
    (ROOT / "docs" / "your-app.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


class Image:
    """The folders of a container, below a temporary one, with a product that was copied into it."""

    def __init__(self, folder: Path, package: str) -> None:
        self.product = folder / "product"
        self.installed = folder / "installed"
        (self.product / package).mkdir(parents=True)
        (self.product / package / "__init__.py").touch()
        (self.product / package / "main.py").write_text(PRODUCT)
        self.installed.mkdir()
        (self.installed / "fastapi_mooring").symlink_to(ROOT / "app")

    @contextmanager
    def run(self, *arguments: str, **environment: str) -> Iterator[str]:
        """Start it with the image's command and more arguments; gives its URL."""
        [command] = all_of(NODE, "CMD")
        program = [sys.executable, *json.loads(command)[1:], *arguments]
        port = free_port()
        settings = self._environment() | {"HOST": "127.0.0.1", "PORT": str(port)} | environment
        # Process starts it in the product's folder, which is the image's WORKDIR.
        process = Process(program, self.product, settings)
        url = f"http://127.0.0.1:{port}"
        process.start(lambda: _get(f"{url}/healthz") is not None, within=20.0)
        try:
            yield url
            assert process.stop() == 0
            assert "Traceback" not in process.log()
        finally:
            process.kill()

    def _environment(self) -> dict[str, str]:
        pairs = [each.partition("=") for each in " ".join(all_of(NODE, "ENV")).split()]
        values = {name: text for name, _, text in pairs} | {"PATH": os.environ["PATH"]}
        [folder] = all_of(NODE, "WORKDIR")
        assert values["PYTHONPATH"] == folder
        return values | {"PYTHONPATH": f"{self.product}{os.pathsep}{self.installed}"}


@pytest.mark.parametrize("package", ["shop", "app"])
def test_a_product_of_any_name_is_served(tmp_path: Path, package: str) -> None:
    with Image(tmp_path, package).run(APP=f"{package}.main:app") as url:
        assert _get(f"{url}/count") == {"count": 1, "from": f"{package}.main"}
        assert _get(f"{url}/incr") is None


def test_an_empty_argument_of_compose_leaves_the_app_that_the_image_names(tmp_path: Path) -> None:
    *_program, argument = services()["app"]["command"]
    assert argument == "${APP:-}"

    with Image(tmp_path, "app").run("", APP="app.main:app") as url:
        assert _get(f"{url}/count") is not None


def test_an_argument_of_compose_goes_before_what_the_image_names(tmp_path: Path) -> None:
    with Image(tmp_path, "app").run("app.main:app", APP="shop.main:app") as url:
        assert _get(f"{url}/count") is not None


def test_without_a_product_the_example_is_served(tmp_path: Path) -> None:
    with Image(tmp_path, "app").run("") as url:
        assert _get(f"{url}/count") is None
        assert _get(f"{url}/session")


def test_the_documentation_s_dockerfile_puts_a_product_where_it_is_found() -> None:
    assert DOCUMENTED
    for text in DOCUMENTED:
        found = instructions(text)
        assert all_of(found, "FROM") == ["mooring"]
        copied = {rest.split()[-1].removeprefix("/product/") for rest in all_of(found, "COPY")}
        [name] = [rest.removeprefix("APP=") for rest in all_of(found, "ENV")]
        assert name.partition(".")[0] in copied


def _get(url: str) -> object:
    """Return the JSON of a response with status 200, or None."""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:
            found: object = json.loads(answer.read())
            return found
    except (urllib.error.URLError, OSError):
        return None
