"""Wrong settings refuse to start, with one line that names the setting."""

import os
import subprocess
import sys
from pathlib import Path

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
    ({"SECRETS_DIR": "/no/such/folder"}, "SECRETS_DIR"),
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


@pytest.fixture
def secrets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that SECRETS_DIR names."""
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_settings_are_read_from_secret_files(secrets_dir: Path) -> None:
    (secrets_dir / "session_secrets").write_text(f"{SECRET}new,{SECRET}\n")
    (secrets_dir / "redis_url").write_text("redis://:pass@redis:6379/0\n")
    (secrets_dir / "somebody_elses").write_text("and left alone")

    settings = read_settings(_env_file=None)

    secrets = [each.get_secret_value() for each in settings.session_secrets]
    assert secrets == [f"{SECRET}new", SECRET]
    assert settings.redis_url.get_secret_value() == "redis://:pass@redis:6379/0"


def test_the_environment_goes_before_secret_files(
    secrets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets_dir / "redis_url").write_text("redis://from-a-file:6379/0")
    monkeypatch.setenv("REDIS_URL", "redis://from-the-environment:6379/0")

    settings = read_settings(_env_file=None)

    assert settings.redis_url.get_secret_value() == "redis://from-the-environment:6379/0"


def test_a_secret_file_that_is_wrong_is_named_and_not_shown(secrets_dir: Path) -> None:
    (secrets_dir / "session_secrets").write_text("too-short")
    (secrets_dir / "session_store").write_text("redis")

    with pytest.raises(SettingsError, match="SESSION_SECRETS") as refused:
        read_settings(_env_file=None)
    assert "too-short" not in str(refused.value)


def test_a_secret_file_that_cannot_be_read_is_named(
    secrets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets_dir / "redis_url").touch()

    def refuse(path: Path, **_how: str) -> str:  # root may read everything, so a mode would not do
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)

    with pytest.raises(SettingsError, match=r"redis_url.*Permission denied"):
        read_settings(_env_file=None)
