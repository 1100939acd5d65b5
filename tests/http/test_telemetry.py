"""The example asks for no traces where OpenTelemetry is not set up, and else for all of FastAPI's."""

import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

pytestmark = pytest.mark.slow  # each starts a process

_TRACED_REQUEST = """
import asyncio

import httpx
from opentelemetry import trace

from app.example.main import create_app


class Provider(trace.TracerProvider):
    def get_tracer(self, name, *_args, **_options):
        print(name)
        return trace.NoOpTracer()


async def main():
    trace.set_tracer_provider(Provider())
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        assert (await client.get("/healthz")).status_code == 200


asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("variables", "tracers"), [({}, ""), ({"OTEL_SERVICE_NAME": "shop"}, "fastapi")]
)
def test_a_variable_of_opentelemetry_has_the_example_traced(
    variables: dict[str, str], tracers: str
) -> None:
    plain = {name: value for name, value in os.environ.items() if "OTEL_" not in name}
    finished = subprocess.run(
        [sys.executable, "-c", _TRACED_REQUEST],
        env=plain | {"SESSION_STORE": "memory"} | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == tracers
