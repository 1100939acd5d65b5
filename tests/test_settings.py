"""Settings: defaults, what is refused, and in which places and under which names they are looked for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.settings import ServiceSettings, Settings, SettingsError
from app.settings_types import Origins, Seconds
from tests.support.in_process import only_environment

SECRET = "0123456789" * 4


@pytest.fixture(autouse=True)
def _nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither the environment nor a `.env` of the developer's counts."""
    monkeypatch.chdir(tmp_path)
    with only_environment():
        yield


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP", "shop.main"),
        ("APP", "shop/main.py:app"),
        ("PORT", "70000"),
        ("PORT", "three"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("SESSION_STORE", "postgres"),
        ("SESSION_IDLE_TIMEOUT", "0"),
        ("SESSION_ABSOLUTE_TIMEOUT", "-1"),
        ("SESSION_ABSOLUTE_TIMEOUT", "inf"),
        ("SESSION_RELOAD_INTERVAL", "often"),
        ("SESSION_ACTIVITY", "always"),
        ("SESSION_COOKIE_NAME", "two words"),
        ("SESSION_COOKIE_NAME", "__Host-session"),
        ("SESSION_COOKIE_SAMESITE", "none"),
        ("SESSION_COOKIE_PARTITIONED", "true"),
        ("SESSION_COOKIE_DOMAIN", "a;b"),
        ("SESSION_COOKIE_FORMER_DOMAINS", "example.org,two words"),
        ("SESSION_COOKIE_FORMER_DOMAINS", ",".join(["example.org"] * 9)),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "http://a.test/"),
        ("CORS_ORIGINS", "http://a.test/path"),
        ("CORS_ORIGINS", "http://A.test"),
        ("CORS_ORIGINS", "http://a.test:99999"),
        ("CORS_ORIGINS", "http://."),
        ("CORS_ORIGINS", "app://*"),
        ("CORS_ORIGINS", "app://a/b"),
        ("CORS_ORIGINS", "https://*"),
        ("CORS_ORIGINS", "https://*.org"),
        ("CORS_ORIGINS", "https://a.*.org"),
        ("CORS_ORIGINS", "localhost:4200"),
        ("CORS_HEADERS", "*"),
        ("CORS_HEADERS", "two words"),
        ("TRUSTED_PROXIES", "haproxy"),
        ("ROOT_PATH", "api"),
        ("ROOT_PATH", "/api/"),
        ("ROOT_PATH", "/api?x"),
        ("ROOT_PATH", "/"),
        ("ROOT_PATH", "/caf\u00e9"),
        ("ROOT_PATH", "/api/.."),
        ("SOCKET_PATH", "socket.io"),
        ("SOCKET_PATH", "/socket.io/"),
        ("SOCKET_PATH", "/caf\u00e9"),
        ("SOCKET_PATH", "/../socket.io"),
        ("REDIS_PREFIX", "{shop}"),
        ("REDIS_PREFIX", "my shop"),
        ("REDIS_PREFIX", "a\x01b"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_PACKET_BYTES", "0"),
        ("PING_INTERVAL", "0"),
        ("PING_TIMEOUT", "-1"),
        ("CONNECT_TIMEOUT", "never"),
        *(
            ("RECOVERY_WINDOW", wrong)
            for wrong in ("0", "-1", "0.0001", "481", "inf", "nan", "long")
        ),
        ("FAST_PATHS", "maybe"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "MOORING_"])
def test_a_wrong_value_is_refused_under_the_name_it_was_written_with(
    prefix: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(prefix + name, value)

    with pytest.raises(SettingsError) as refused:
        ServiceSettings()

    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{prefix}{name}: ")


@pytest.mark.parametrize("secrets", ["", "short", f"{SECRET},short"])
def test_a_shared_store_needs_long_secrets(secrets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_STORE", "redis")
    monkeypatch.setenv("SESSION_SECRETS", secrets)

    with pytest.raises(SettingsError, match=r"^SESSION_SECRETS: ") as refused:
        Settings()

    assert SECRET not in str(refused.value)


def test_a_wrong_argument_is_named_as_an_argument() -> None:
    with pytest.raises(SettingsError, match=r"^ping_interval: "):
        Settings(ping_interval=-1)


@pytest.mark.parametrize("make", [Settings, Settings.with_defaults])
def test_an_argument_that_is_no_setting_is_refused(make: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match=r"^session_idle_timout: .* session_idle_timeout\?$"):
        make(session_idle_timout=60)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_another_default_takes_no_bound_from_a_setting(name: str) -> None:
    field = Settings.model_fields[name]
    changed = type(Settings.with_defaults(**{name: field.default})).model_fields[name]
    assert (changed.annotation, changed.metadata) == (field.annotation, field.metadata)


def test_another_default_and_what_overrides_it_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="less than or equal to 480"):
        Settings.with_defaults(recovery_window=481)
    monkeypatch.setenv("RECOVERY_WINDOW", "481")
    with pytest.raises(SettingsError, match=r"^RECOVERY_WINDOW: "):
        Settings.with_defaults(recovery_window=60)


def test_several_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "-1")
    monkeypatch.setenv("LOG_LEVEL", "loud")

    with pytest.raises(SettingsError, match=r"PORT.*\nLOG_LEVEL"):
        ServiceSettings()


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = ServiceSettings()

    assert (settings.app, settings.host, settings.port) == ("", "127.0.0.1", 3000)
    assert (settings.session_store, settings.redis_prefix) == ("memory", "mooring")
    assert (settings.session_idle_timeout, settings.session_absolute_timeout) == (1800, 43200)
    assert (settings.ping_interval, settings.ping_timeout, settings.connect_timeout) == (25, 20, 10)
    assert (settings.max_body_bytes, settings.max_packet_bytes) == (0, 1_000_000)
    assert (settings.root_path, settings.socket_path) == ("", "/socket.io")
    assert (settings.cors_origins, settings.cors_headers) == ((), ())
    assert settings.fast_paths == "auto"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("http://a.test, https://b.test:8443 ,http://[::1]:3000",) * 2,
        ("https://example.org:443", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("https://example.org:0443,http://[::1]:00080", "https://example.org,http://[::1]"),
        ("http://example.org:08080", "http://example.org:8080"),
        ("https://*.example.org:443", "https://*.example.org"),
        ("capacitor://localhost:443", "capacitor://localhost:443"),
        ("capacitor://localhost,tauri://localhost",) * 2,
        ("https://*.example.org,https://*.example.org:8443",) * 2,
        ("http://*.localhost:4200",) * 2,
        ("http://my_shop:3000,https://a_b.example.org,https://*.a_b.example",) * 2,
        ("app://.,app://-,app://Main.Page",) * 2,
        ("safari-web-extension://6E9C1B2A-0F3D-4C55-9E57-1D0C2F9E0A11",) * 2,
        ("null",) * 2,
        ("none", ""),
    ],
)
def test_origins_are_kept_as_browsers_send_them(
    written: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", written)

    assert Settings().cors_origins == tuple(filter(None, map(str.strip, kept.split(","))))


def test_arguments_go_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_SESSION_MAX_BYTES", "100")

    assert Settings(session_max_bytes=200).session_max_bytes == 200


def test_the_prefixed_name_goes_before_the_bare_one_wherever_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "redis_url").write_text("redis://bare-file")
    (secrets / "mooring_redis_url").write_text("redis://prefixed-file")
    monkeypatch.setenv("SECRETS_DIR", str(secrets))

    def url() -> str:
        return Settings().redis_url.get_secret_value()

    (tmp_path / ".env").write_text("REDIS_URL=redis://bare-dotenv\n")
    monkeypatch.setenv("REDIS_URL", "redis://bare-environment")
    assert url() == "redis://prefixed-file"
    (tmp_path / ".env").write_text("REDIS_URL=x\nMOORING_REDIS_URL=redis://prefixed-dotenv\n")
    assert url() == "redis://prefixed-dotenv"
    monkeypatch.setenv("MOORING_REDIS_URL", "redis://prefixed-environment")
    assert url() == "redis://prefixed-environment"


def test_an_empty_value_counts_as_unset_in_all_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mooring_session_max_bytes").write_text("")
    (tmp_path / ".env").write_text("MOORING_SESSION_MAX_BYTES=\n")
    monkeypatch.setenv("MOORING_SESSION_MAX_BYTES", "")
    monkeypatch.setenv("SESSION_MAX_BYTES", "100")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))

    assert Settings().session_max_bytes == 100


def test_a_subclass_has_its_own_defaults_which_are_checked_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class ShopSettings(Settings):
        cors_origins: Origins = ("https://shop.example:443",)
        session_max_bytes: int = 1_000

    class WrongSettings(Settings):
        ping_interval: Seconds = -1

    assert ShopSettings().cors_origins == ("https://shop.example",)
    monkeypatch.setenv("SESSION_MAX_BYTES", "2000")
    assert ShopSettings().session_max_bytes == 2_000
    with pytest.raises(SettingsError, match=r"^PING_INTERVAL: "):
        WrongSettings()


@pytest.fixture(params=["SECRETS_DIR", "MOORING_SECRETS_DIR"])
def secrets_dir(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty folder of secret files."""
    monkeypatch.setenv(request.param, str(tmp_path))
    return tmp_path


def test_settings_are_read_from_secret_files(secrets_dir: Path) -> None:
    (secrets_dir / "session_secrets").write_text(f"{SECRET}new,{SECRET}\n")
    (secrets_dir / "redis_url").write_text("redis://:pass@redis:6379/0\n")
    (secrets_dir / "somebody_elses").write_text("and left alone")

    settings = Settings()

    secrets = [each.get_secret_value() for each in settings.session_secrets]
    assert secrets == [f"{SECRET}new", SECRET]
    assert settings.redis_url.get_secret_value() == "redis://:pass@redis:6379/0"


def test_a_secret_file_that_is_wrong_is_named_and_not_shown(secrets_dir: Path) -> None:
    (secrets_dir / "session_secrets").write_text("too-short")
    (secrets_dir / "session_store").write_text("redis")

    with pytest.raises(SettingsError, match="SESSION_SECRETS") as refused:
        Settings()
    assert "too-short" not in str(refused.value)


def test_a_secret_file_that_cannot_be_read_is_named(
    secrets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets_dir / "redis_url").touch()

    def refuse(path: Path, **_how: str) -> str:  # root may read everything, so a mode would not do
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)

    with pytest.raises(SettingsError, match=r"redis_url.*Permission denied"):
        Settings()


def test_the_prefixed_name_of_the_folder_goes_before_the_bare_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, prefix in (("SECRETS_DIR", "theirs"), ("MOORING_SECRETS_DIR", "ours")):
        folder = tmp_path / prefix
        folder.mkdir()
        (folder / "redis_prefix").write_text(prefix)
        monkeypatch.setenv(name, str(folder))

    assert Settings().redis_prefix == "ours"


def test_a_secrets_dir_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", "/no/such/folder")

    with pytest.raises(SettingsError, match=r"^SECRETS_DIR: /no/such/folder"):
        Settings()
