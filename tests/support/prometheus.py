"""Debian's Prometheus with the project's own configuration, in a hurry, and asking services of a test."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.http import http_client
from tests.support.processes import ROOT, Process, free_port
from tests.support.service import Service

CONFIGURATION = ROOT / "deploy" / "prometheus.yml"
ALERTS = ROOT / "deploy" / "alerts.yml"


def prometheus_binary(name: str = "prometheus") -> str:
    """A program of Prometheus; that there is none is a failure."""
    found = shutil.which(name, path="/usr/bin:/usr/local/bin")
    assert found, f"{name} is missing: `make test-needs` installs it"
    return found


def promtool(*arguments: str) -> str:
    """Run promtool; gives what it has printed, and fails if it does."""
    ran = subprocess.run(
        [prometheus_binary("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


class Prometheus:
    """A running one, asked by its HTTP API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now; AssertionError if it is wrong."""
        answer = (await self._client.get("/api/v1/query", params={"query": expression})).json()
        assert answer["status"] == "success", f"{expression}: {answer['error']}"
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series

    async def alerts(self) -> set[str]:
        """The names of alerts whose condition holds, whether for long enough or not."""
        answer = (await self._client.get("/api/v1/alerts")).json()
        return {alert["labels"]["alertname"] for alert in answer["data"]["alerts"]}

    async def up(self) -> int:
        """How many services it has reached."""
        return sum(series["value"][1] == "1" for series in await self.query("up"))


@asynccontextmanager
async def prometheus(services: Sequence[Service]) -> AsyncIterator[Prometheus]:
    """A Prometheus that asks these services, five times a second."""
    with tempfile.TemporaryDirectory(prefix="mooring-prometheus-") as name:
        folder = Path(name)
        shutil.copy(ALERTS, folder)
        (folder / "prometheus.yml").write_text(json.dumps(_configuration(services)))
        address = f"127.0.0.1:{free_port()}"
        options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        listen = f"--web.listen-address={address}"
        process = Process([prometheus_binary(), *options, listen], folder, {})
        url = f"http://{address}"
        await asyncio.to_thread(process.start, lambda: _is_ready(url))
        try:
            async with http_client(url) as client:
                yield Prometheus(client)
        finally:
            process.kill()


def _configuration(services: Sequence[Service]) -> dict[str, Any]:
    """The project's own, but for how often it asks and where it finds whom to ask.

    There, a name server tells; which one is up to the machine.
    """
    configuration: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
    every = {f"{name}_interval": "200ms" for name in ("scrape", "evaluation")}
    configuration["global"] = every | {"scrape_timeout": "200ms"}
    [job] = configuration["scrape_configs"]
    del job["dns_sd_configs"]
    targets = [each.url.removeprefix("http://") for each in services]
    job["static_configs"] = [{"targets": targets}]
    return configuration


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False, verify=False, timeout=1.0).is_success
    except httpx.TransportError:
        return False
