"""Wrong settings refuse to start, with one line that names the setting."""

import os
import subprocess
import sys

import pytest

from app.settings import SettingsError, read_settings
from tests.support.processes import ROOT

SECRET = "0123456789" * 4

_WRONG = [
    ({"PORT": "70000"}, "PORT"),
    ({"PORT": "three"}, "PORT"),
    ({"SESSION_STORE": "postgres"}, "SESSION_STORE"),
    ({"SESSION_STORE": "no.such:thing", "SESSION_SECRETS": SECRET}, "SESSION_STORE"),
    ({"SESSION_STORE": "builtins:dict", "SESSION_SECRETS": SECRET}, "SESSION_STORE"),
    ({"SESSION_STORE": "redis"}, "SESSION_SECRETS"),
    ({"SESSION_STORE": "redis", "SESSION_SECRETS": "short"}, "SESSION_SECRETS"),
    ({"SESSION_STORE": "redis", "SESSION_SECRETS": f"{SECRET},short"}, "SESSION_SECRETS"),
    ({"SESSION_STORE": "redis", "SESSION_SECRETS": SECRET, "REDIS_URL": "http://x"}, "REDIS_URL"),
    (
        {
            "SESSION_STORE": "redis",
            "SESSION_SECRETS": SECRET,
            "REDIS_URL": "redis+sentinel://h:1",
        },
        "REDIS_URL",
    ),
    ({"SESSION_IDLE_TIMEOUT": "0"}, "SESSION_IDLE_TIMEOUT"),
    ({"SESSION_ABSOLUTE_TIMEOUT": "-1"}, "SESSION_ABSOLUTE_TIMEOUT"),
    ({"SESSION_ABSOLUTE_TIMEOUT": "inf"}, "SESSION_ABSOLUTE_TIMEOUT"),
    ({"SESSION_RELOAD_INTERVAL": "often"}, "SESSION_RELOAD_INTERVAL"),
    ({"SESSION_ACTIVITY": "always"}, "SESSION_ACTIVITY"),
    ({"SESSION_COOKIE_NAME": "two words"}, "SESSION_COOKIE_NAME"),
    ({"SESSION_COOKIE_SAMESITE": "none"}, "SESSION_COOKIE_SAMESITE"),
    ({"SESSION_COOKIE_PARTITIONED": "true"}, "SESSION_COOKIE_PARTITIONED"),
    ({"SESSION_COOKIE_DOMAIN": "a;b"}, "SESSION_COOKIE_DOMAIN"),
    ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
    ({"CORS_ORIGINS": "http://a.test/"}, "CORS_ORIGINS"),
    ({"CORS_ORIGINS": "http://A.test"}, "CORS_ORIGINS"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
    ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
]


@pytest.mark.parametrize(("env", "named"), _WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_refuses_to_start_and_is_named(env: dict[str, str], named: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("mooring cannot start: ")
    assert named in lines[0]
    assert SECRET not in ended.stderr


def test_the_defaults_are_those_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "SESSION_STORE"):
        monkeypatch.delenv(name, raising=False)

    settings = read_settings(_env_file=None)

    assert (settings.host, settings.port, settings.session_store) == ("127.0.0.1", 3000, "memory")
    assert (settings.session_idle_timeout, settings.session_absolute_timeout) == (1800, 43200)
    assert settings.cors_origins == ("http://localhost:4200",)


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "http://a.test, https://b.test:8443 ,http://[::1]:3000")

    assert read_settings(_env_file=None).cors_origins == (
        "http://a.test",
        "https://b.test:8443",
        "http://[::1]:3000",
    )


def test_several_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "-1")
    monkeypatch.setenv("LOG_LEVEL", "loud")

    with pytest.raises(SettingsError, match=r"PORT.*\nLOG_LEVEL"):
        read_settings(_env_file=None)
