"""Names that documentation may use, taken from where they are defined."""

import re

from app.settings import ServiceSettings
from tests.support.processes import ROOT

OTHERS = {"FASTAPI_OTEL_AUTO_CONFIGURE", "OTEL_EXPORTER_OTLP_ENDPOINT"}
"""Settings of libraries."""


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def make_variables() -> set[str]:
    """Return the variables that the Makefile uses."""
    return set(re.findall(r"\$[({]([A-Z_]+)", (ROOT / "Makefile").read_text()))


def setting_names() -> set[str]:
    """Return the settings of the service, of compose, of the balancer, of the chat, and of libraries."""
    example = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    config = (ROOT / "examples" / "chat" / "chat" / "config.py").read_text()
    chat = [
        f"CHAT_{name.upper()}" for name in re.findall(r"^    (\w+): .* = ", config, re.MULTILINE)
    ]
    balancer = re.findall(r"presetenv (\w+)", (ROOT / "deploy" / "haproxy.cfg").read_text())
    return (
        {name.upper() for name in ServiceSettings.model_fields}
        | set(example)
        | set(balancer)
        | set(chat)
        | OTHERS
    )
