"""The profile `observe`: what Prometheus asks for is there, and what Grafana shows is not empty."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.browsers import JsClients
from tests.support.compose import services
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.processes import ROOT
from tests.support.prometheus import ALERTS, CONFIGURATION, Prometheus, prometheus, promtool
from tests.support.servers import StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

pytestmark = pytest.mark.xdist_group("observe")

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "mooring.json").read_text())
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]

_METRIC = re.compile(r"\b(?:mooring|process)_\w+")


def _panel_queries() -> Iterator[tuple[str, str]]:
    """Title and expression of everything that the dashboard shows."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "10s")


def _named(expressions: list[str]) -> set[str]:
    return {name for each in expressions for name in _METRIC.findall(each)}


@contextmanager
def _two_nodes(store: StoreServer) -> Iterator[list[Service]]:
    settings = server_settings(store)
    with service(**settings) as first, service(**settings) as second:
        yield [first, second]


@asynccontextmanager
async def _observed(store: StoreServer) -> AsyncIterator[tuple[list[Service], Prometheus]]:
    """Two nodes and a Prometheus that has reached both."""
    async with AsyncExitStack() as stack:
        nodes = stack.enter_context(_two_nodes(store))
        observer = await stack.enter_async_context(prometheus(nodes))
        await eventually(partial(_has_reached_both, observer), within=20.0)
        yield nodes, observer


async def _has_reached_both(observer: Prometheus) -> bool:
    return await observer.up() == 2


@pytest.fixture(scope="module")
def counted() -> set[str]:
    """The names of all samples that a node gives, from its own answer."""
    with service() as node:
        families = list(text_string_to_metric_families(node.metrics()))
    samples = {sample.name for family in families for sample in family.samples}
    # One that has labels has no sample until something was counted.
    return samples | {f"{each.name}_total" for each in families if each.type == "counter"}


def test_the_configuration_and_the_alerts_are_valid() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "config", str(CONFIGURATION))


def test_all_nodes_are_found_by_the_name_that_compose_gives_them() -> None:
    [job] = yaml.safe_load(CONFIGURATION.read_text())["scrape_configs"]
    [by_name] = job["dns_sd_configs"]
    assert (by_name["names"], by_name["type"]) == (["app"], "A")
    nodes, observer = services()["app"], services()["prometheus"]
    assert set(nodes["networks"]) & set(observer["networks"])


def test_grafana_finds_its_source_and_its_dashboard_where_compose_puts_them() -> None:
    [source] = yaml.safe_load((GRAFANA / "datasource.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((GRAFANA / "dashboards.yml").read_text())["providers"]
    grafana = services()["grafana"]

    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "datasource" in panel}
    assert used == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert set(grafana["networks"]) & set(services()["prometheus"]["networks"])
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert str(Path(home).parent) == provider["options"]["path"]
    assert f"./deploy/grafana/mooring.json:{home}:ro" in grafana["volumes"]


def test_every_metric_on_the_dashboard_and_in_an_alert_is_one_that_a_node_has(
    counted: set[str],
) -> None:
    assert _named([expression for _title, expression in _panel_queries()]) <= counted
    assert _named([rule["expr"] for rule in RULES]) <= counted


def test_everything_of_ours_that_is_counted_is_on_the_dashboard(counted: set[str]) -> None:
    shown = _named([expression for _title, expression in _panel_queries()])
    ours = {name for name in counted if name.startswith("mooring_")}

    missing = {name for name in ours if not any(name.startswith(_family(each)) for each in shown)}
    assert {name for name in missing if not name.endswith("_created")} == set()


def _family(sample: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", sample)


async def test_the_dashboard_shows_something_in_every_panel_and_no_alert_goes_off(
    js: JsClients,
) -> None:
    with store_server("valkey") as store:
        async with _observed(store) as (nodes, observer):
            socket = await (await js.browser(nodes[0].url)).connect()
            assert await socket.emit("incr") == 1

            for title, expression in _panel_queries():
                await eventually(partial(_gives, observer, title, expression), within=20.0)
            for rule in RULES:
                assert await observer.query(rule["expr"]) == [], rule["alert"]
            assert await observer.alerts() == set()


async def _gives(observer: Prometheus, title: str, expression: str) -> bool:
    assert await observer.query(expression), f"{title} shows nothing: {expression}"
    return True


async def test_alerts_tell_of_a_store_that_is_away_and_of_nodes_that_are_gone() -> None:
    with store_server("valkey") as store:
        async with _observed(store) as (nodes, observer):
            store.kill()
            await eventually(partial(_alerts, observer, "StoreAway", nodes[0]), within=20.0)

            nodes[0].kill()
            await eventually(partial(_alerts, observer, "NodeDoesNotAnswer"), within=20.0)
            assert "NoNode" not in await observer.alerts()

            nodes[1].kill()
            await eventually(partial(_alerts, observer, "NoNode"), within=20.0)


async def _alerts(observer: Prometheus, name: str, asked: Service | None = None) -> bool:
    if asked:
        # As the balancer does, time and again.
        async with http_client(asked.url) as client:
            assert (await client.get("/readyz")).status_code == 503
    return name in await observer.alerts()
