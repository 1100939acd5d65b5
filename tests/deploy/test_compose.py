"""docker-compose.yml: what gets to the nodes, and what every container may and may not do."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.settings import ServiceSettings
from tests.support.compose import Services, services, understood
from tests.support.processes import ROOT

SERVICES = services()
RUNNING = sorted(set(SERVICES) - {"secrets"})
OFFICIAL = {"grafana/grafana", "haproxy", "nginx", "node", "prom/prometheus", "python", "redis"}
RUN_BY_ROOT_UNLESS_TOLD = {"nginx", "redis"}
FROM_FILES = {"redis_url", "session_secrets"}
FIXED = {"host", "port", "session_store"}
ARGUMENT = "app"
TEXTS = {
    name.upper(): "json" if name == "log_format" else f"my-{name}"
    for name in ServiceSettings.model_fields
    if name not in FROM_FILES | FIXED | {ARGUMENT}
}


def _environments(whole: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What each service has in its environment."""
    return {
        name: {key: text for key, text in service.get("environment", {}).items() if text}
        for name, service in whole["services"].items()
    }


def test_every_setting_in_env_gets_to_the_nodes(tmp_path: Path) -> None:
    nodes = _environments(understood(tmp_path, **TEXTS))["app"]

    assert nodes == TEXTS | {"SESSION_STORE": "redis", "SECRETS_DIR": "/secrets"}


@pytest.mark.parametrize(
    ("environment", "named"), [({}, ""), ({"APP": "shop.main:app"}, "shop.main:app")]
)
def test_the_app_that_env_names_is_served(
    tmp_path: Path, environment: dict[str, str], named: str
) -> None:
    nodes = understood(tmp_path, **environment)["services"]["app"]

    # Compose 1.29 would take a variable without a value away from the image, which may name an app.
    assert nodes["command"] == ["python", "-m", "fastapi_mooring", named]
    assert "APP" not in nodes["environment"]


def test_without_env_nodes_have_the_service_s_own_defaults(tmp_path: Path) -> None:
    nodes = _environments(understood(tmp_path))["app"]

    assert set(nodes) == {"SESSION_STORE", "SECRETS_DIR", "LOG_FORMAT", "TRUSTED_PROXIES"}


def test_secrets_in_env_get_to_the_one_that_writes_them_to_files_and_to_nobody_else(
    tmp_path: Path,
) -> None:
    whole = understood(tmp_path, SESSION_SECRETS="my-secret", REDIS_PASSWORD="my-password")

    [holder] = [name for name, text in whole["services"].items() if "my-" in str(text)]
    assert holder == "secrets"
    assert whole["services"][holder]["network_mode"] == "none"


def test_the_api_s_address_gets_into_the_app_and_the_other_addresses_into_ports(
    tmp_path: Path,
) -> None:
    whole = understood(tmp_path, VITE_API_URL="https://api.test", PUBLISH_ON="192.0.2.1")

    assert whole["services"]["spa"]["build"]["args"] == {"VITE_API_URL": "https://api.test"}
    assert "192.0.2.1" in str(whole["services"]["balancer"]["ports"])
    assert "192.0.2.1" in str(whole["services"]["spa"]["ports"])


def test_the_balancer_s_own_settings_get_to_it(tmp_path: Path) -> None:
    mine = {"HSTS": "300", "SCHEME": "https", "STICKY": "secure attr SameSite=None"}
    mine |= {"ROOT_PATH": "/api", "SOCKET_PATH": "/live"}

    assert _environments(understood(tmp_path, **mine))["balancer"] == mine


def test_secrets_are_in_no_file_of_the_repository() -> None:
    assert SERVICES["secrets"]["environment"] == {
        "SESSION_SECRETS": "${SESSION_SECRETS:-}",
        "REDIS_PASSWORD": "${REDIS_PASSWORD:-}",
    }
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_writes_nowhere_but_to_its_volumes_and_has_no_rights(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid"} & set(service)
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_runs_as_root(name: str) -> None:
    image = SERVICES[name].get("image", "").split(":")[0]
    # Those that are built say so themselves: see test_compose_images.py.
    if image in RUN_BY_ROOT_UNLESS_TOLD:
        assert SERVICES[name]["user"] not in {"root", "0"}
    assert SERVICES[name].get("user") != "root"


@pytest.mark.parametrize("name", SERVICES)
def test_what_the_repository_has_is_mounted_to_be_read_alone(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, *rest = volume.split(":")
        if source.startswith("."):
            assert (ROOT / source).is_file(), volume
            assert rest[-1] == "ro", volume


def test_secrets_are_read_by_those_who_need_them() -> None:
    readers = {
        name: [each for each in service.get("volumes", []) if each.startswith("secrets:")]
        for name, service in SERVICES.items()
    }
    assert {name: volumes for name, volumes in readers.items() if volumes} == {
        "secrets": ["secrets:/secrets"],
        "app": ["secrets:/secrets:ro"],
        "redis": ["secrets:/secrets:ro"],
    }


def test_images_are_official_ones_of_a_certain_version() -> None:
    for service in SERVICES.values():
        if "build" not in service:
            image, _, tag = service["image"].partition(":")
            assert image in OFFICIAL
            assert re.match(r"v?\d", tag), service["image"]


def test_the_balancer_and_the_app_can_be_reached_and_nodes_and_redis_cannot() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "balancer": ["${PUBLISH_ON:-127.0.0.1}:3000:3000"],
        "spa": ["${PUBLISH_ON:-127.0.0.1}:4200:4200"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3001:3000"],
    }
    assert not any(service.get("network_mode") == "host" for service in SERVICES.values())


def test_nobody_but_the_nodes_is_on_a_network_with_redis(tmp_path: Path) -> None:
    assert [name for name in RUNNING if "store" in SERVICES[name]["networks"]] == ["app", "redis"]
    assert SERVICES["redis"]["networks"] == ["store"]
    assert understood(tmp_path)["networks"]["store"]["internal"] is True


def test_there_are_two_nodes_and_any_number_has_room() -> None:
    nodes = SERVICES["app"]
    assert nodes["scale"] == 2
    assert not {"container_name", "hostname", "ports"} & set(nodes)


def test_everybody_waits_for_what_it_needs() -> None:
    assert _waits(SERVICES) == {
        "redis": {"secrets": "service_completed_successfully"},
        "app": {"secrets": "service_completed_successfully", "redis": "service_healthy"},
        "balancer": {"app": "service_healthy"},
    }


def _waits(all_of_them: Services) -> dict[str, dict[str, str]]:
    return {
        name: {other: how["condition"] for other, how in service["depends_on"].items()}
        for name, service in all_of_them.items()
        if "depends_on" in service
    }


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_comes_back_after_a_crash_and_keeps_little_of_its_log(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["init"] is True
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


def test_prometheus_and_grafana_are_started_on_request_alone() -> None:
    asked_for = {name for name, service in SERVICES.items() if service.get("profiles")}
    assert asked_for == {"prometheus", "grafana"}
