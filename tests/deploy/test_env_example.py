""".env.example names every setting that there is, no other, and with its real default."""

import re
from pathlib import Path

import pytest

from app.settings import ServiceSettings
from tests.support.balancer import CONFIGURATION as BALANCER
from tests.support.compose import COMPOSE, services
from tests.support.processes import ROOT

_TEXT = (ROOT / ".env.example").read_text()
EXAMPLE = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", _TEXT, re.MULTILINE))
SETTINGS = {name.upper() for name in ServiceSettings.model_fields}
NOT_IN_THE_CLASS = {"SECRETS_DIR"}  # it says where the others are
_VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def _of_compose() -> set[str]:
    """The variables that docker-compose takes from `.env`."""
    passed_on = {
        name
        for service in services().values()
        for name, text in service.get("environment", {}).items()
        if text is None
    }
    return passed_on | {name for name, _default in _VARIABLE.findall(COMPOSE.read_text())}


def test_it_names_every_setting_and_nothing_else() -> None:
    assert set(EXAMPLE) == SETTINGS | NOT_IN_THE_CLASS | _of_compose()


def test_every_line_is_a_comment_so_that_a_copy_changes_nothing() -> None:
    assert [line for line in _TEXT.splitlines() if line and not line.startswith("#")] == []


def test_without_any_hash_it_sets_what_is_so_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in EXAMPLE:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "all").write_text(re.sub(r"^#([A-Z_]+=)", r"\1", _TEXT, flags=re.MULTILINE))

    written = ServiceSettings(_env_file=tmp_path / "all")

    assert written.model_fields_set == {name.lower() for name in SETTINGS if EXAMPLE[name]}
    assert written == ServiceSettings(_env_file=None)


def test_what_is_for_compose_alone_has_its_default_too() -> None:
    written = dict(_VARIABLE.findall(COMPOSE.read_text()))
    balancer = dict(re.findall(r'presetenv (\w+) "?([^"\n]*)"?', BALANCER.read_text()))
    for name in _of_compose() - SETTINGS:
        assert EXAMPLE[name] == (written | balancer)[name], name


def test_the_documentation_sets_nothing_that_is_not_there() -> None:
    text = (ROOT / "docs" / "compose.md").read_text()
    used = set(re.findall(r"\b([A-Z]+(?:_[A-Z]+)*)=", text))
    assert used <= set(EXAMPLE), used - set(EXAMPLE)
    assert all(f"`{name}`" in text for name in services())
