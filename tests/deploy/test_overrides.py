"""The overrides of docker-compose.yml that the documentation shows, as docker-compose understands them."""

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_compose_images import all_of, instructions
from tests.docs.markdown import Block, blocks
from tests.support.compose import understood
from tests.support.processes import ROOT

PAGES = [ROOT / "docs" / name for name in ("compose.md", "your-app.md")]
OVERRIDES = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


def _merged(override: Block, folder: Path) -> dict[str, Any]:
    """Return what docker-compose makes of a block beside the file, and of the folder of an app."""
    (folder / "shop").mkdir()
    beside = folder / "mooring"
    beside.mkdir()
    (beside / "docker-compose.override.yml").write_text(override.text)
    return understood(beside, REDIS_PREFIX="shop")


@pytest.mark.parametrize("override", OVERRIDES, ids=str)
def test_an_override_is_understood(override: Block, tmp_path: Path) -> None:
    assert _merged(override, tmp_path)["services"].keys() >= {"app", "balancer", "redis", "spa"}


def test_a_worker_finds_redis_as_nodes_do_and_may_do_no_more(tmp_path: Path) -> None:
    [override] = [block for block in OVERRIDES if "worker:" in block.text]

    services = _merged(override, tmp_path)["services"]

    node, worker = services["app"], services["worker"]
    for name in ("SESSION_STORE", "SECRETS_DIR", "REDIS_PREFIX", "SHOP_DATABASE"):
        assert worker["environment"][name] == node["environment"][name]
    for name in ("read_only", "cap_drop", "security_opt", "tmpfs", "init", "restart"):
        assert worker[name] == node[name]
    assert set(worker["networks"]) < set(node["networks"])
    assert _places(worker) == _places(node) == {"/secrets", "/data"}


def test_a_volume_has_the_owner_that_its_image_runs_as() -> None:
    [image] = [block for block in blocks(PAGES[0]) if block.language == "dockerfile"]
    found = list(instructions(image.text))

    [made] = all_of(found, "RUN")

    user, group = all_of(found, "USER")[-1].split(":")
    assert made == f"install -d -o {user} -g {group} /data"


def _places(service: dict[str, Any]) -> set[str]:
    """Return where its volumes are; Compose 1.29 says it in a line, 2 in an object."""
    found = service["volumes"]
    return {each["target"] if isinstance(each, dict) else each.split(":")[1] for each in found}
