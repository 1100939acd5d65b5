"""A name that is nearly a setting is noticed; others' names are not."""

from pathlib import Path

import pytest

from app.misspelt import misspelt
from app.settings import Settings
from tests.support.in_process import only_environment


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SESSION_SECRET", "SESSION_SECRETS"),
        ("SESSION_STORAGE", "SESSION_STORE"),
        ("SESSION_IDLE_TIMOUT", "SESSION_IDLE_TIMEOUT"),
        ("SESSION_MAX_BYTE", "SESSION_MAX_BYTES"),
        ("SESSION_COOKE_NAME", "SESSION_COOKIE_NAME"),
        ("SESION_COOKIE_NAME", "SESSION_COOKIE_NAME"),
        ("SESSION_COOKIE_SAME_SITE", "SESSION_COOKIE_SAMESITE"),
        ("MOORING_SESSION_SECRET", "MOORING_SESSION_SECRETS"),
        ("MOORING_REDIS_URI", "MOORING_REDIS_URL"),
        ("MOORING_CORS_ORIGIN", "MOORING_CORS_ORIGINS"),
        ("MOORING_FAST_PATH", "MOORING_FAST_PATHS"),
        ("MOORING_SECRET_DIR", "MOORING_SECRETS_DIR"),
        ("MOORING_PORTS", "MOORING_PORT"),
    ],
)
def test_a_name_with_a_slip_is_noticed(name: str, nearest: str) -> None:
    assert misspelt({name: "value"}) == [(name, nearest)]


@pytest.mark.parametrize(
    "name",
    [
        "SESSION_MANAGER",
        "SESSION_ID",
        "SESSION_COOKIE_AGE",
        "SESSION_COOKIE_HTTPONLY",
        "CSRF_COOKIE_NAME",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_SESSION_COOKIE",
        "AWS_SESSION_TOKEN",
        "MOORING_HOME",
        "REDIS_URI",
        "PORTS",
        "SESSION_SECRETS",
        "MOORING_SESSION_SECRETS",
        "MOORING_SECRETS_DIR",
    ],
)
def test_what_is_right_or_somebody_elses_is_not(name: str) -> None:
    assert misspelt({name: "value"}) == []


def test_fields_of_an_app_s_own_settings_are_right() -> None:
    class ShopSettings(Settings):
        session_secret: str = ""

    assert misspelt({"SESSION_SECRET": "value"}, ShopSettings) == []


def test_the_environment_and_the_env_file_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SESSION_SECRET=value\n")

    with only_environment(SESSION_STORAGE="redis"):
        assert [name for name, _ in misspelt()] == ["SESSION_SECRET", "SESSION_STORAGE"]
