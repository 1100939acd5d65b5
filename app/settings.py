"""The settings, from arguments, the environment, `.env` or secret files."""

from types import new_class
from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .settings_sources import WRITTEN, SettingsError, lines, named_sources, refuse_unknown
from .settings_types import (
    AppName,
    CookieName,
    Domain,
    Domains,
    FieldNames,
    Networks,
    Origins,
    RedisPrefix,
    RootPath,
    Seconds,
    Secrets,
    SocketPath,
    StoreName,
)

__all__ = ["MIN_SECRET_LENGTH", "ServiceSettings", "Settings", "SettingsError"]

MIN_SECRET_LENGTH = 32


class Settings(BaseSettings):
    """Settings of the library. Every field is also a name in the environment, in capitals.

    A value is looked up in this order: the keyword argument; `MOORING_` + name in the
    environment, in `.env`, and in the folder that SECRETS_DIR names; then the bare name in the same
    three places. An empty value there counts as none. Wrong ones raise SettingsError, with a line
    for each that names it as it was written.

    An app may have other defaults::

        mooring = Mooring(app, Settings.with_defaults(session_idle_timeout=3600))
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        validate_default=True,
    )

    session_store: StoreName = "memory"
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    redis_prefix: RedisPrefix = "mooring"
    session_secrets: Secrets = ()
    session_idle_timeout: Seconds = 1800
    session_absolute_timeout: Seconds = 43200
    session_unused_timeout: Seconds = 120
    session_activity: Literal["http", "events", "connected"] = "events"
    session_reload_interval: Seconds = 30
    session_cookie_name: CookieName = "session"
    session_cookie_samesite: Literal["lax", "strict", "none"] = "lax"
    session_cookie_secure: bool = False
    session_cookie_domain: Domain = None
    session_cookie_partitioned: bool = False
    session_cookie_former_domains: Domains = ()
    session_max_bytes: Annotated[int, Field(ge=64)] = 32_768
    session_max_sockets: Annotated[int, Field(ge=1)] = 100
    session_max_per_user: Annotated[int, Field(ge=0)] = 0
    session_address: bool = True
    session_tokens: bool = False
    client_rate: Annotated[int, Field(ge=0)] = 0
    cors_origins: Origins = ()
    cors_headers: FieldNames = ()
    trusted_proxies: Networks = ("127.0.0.1",)
    root_path: RootPath = ""
    socket_path: SocketPath = "/socket.io"
    max_body_bytes: Annotated[int, Field(ge=0)] = 0
    max_packet_bytes: Annotated[int, Field(ge=1_024)] = 1_000_000
    ping_interval: Seconds = 25
    ping_timeout: Seconds = 20
    connect_timeout: Seconds = 10
    recovery_window: Annotated[float, Field(ge=1, le=480)] = 120
    fast_paths: Literal["auto", "on", "off"] = "auto"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in the order of the class's docstring."""
        assert isinstance(dotenv_settings, DotEnvSettingsSource)  # noqa: S101 - for the type checker
        return named_sources(settings_cls, init_settings, dotenv_settings.env_file)

    @classmethod
    def with_defaults(cls, **defaults: Any) -> Self:
        """Return the settings with other defaults: what the environment sets counts before them.

        Args:
            **defaults: fields of this class, and the values that they have if nothing sets them.

        Returns:
            An instance of a subclass, so that it has all that this class has.

        Raises:
            SettingsError: a setting is wrong; the message names it.
        """
        refuse_unknown(cls, defaults)
        annotations = get_type_hints(cls, include_extras=True)
        body: dict[str, Any] = {"__module__": cls.__module__, **defaults}
        body["__annotations__"] = {name: annotations[name] for name in defaults}
        changed: Any = new_class(cls.__name__, (cls,), exec_body=lambda space: space.update(body))
        made: Self = changed()
        return made

    @property
    def store_is_shared(self) -> bool:
        """Whether other processes may use the same sessions, so that all must know the same secrets."""
        return self.session_store != "memory"

    @property
    def has_short_secret(self) -> bool:
        """Whether a secret could be guessed."""
        return any(
            len(each.get_secret_value()) < MIN_SECRET_LENGTH for each in self.session_secrets
        )

    @model_validator(mode="after")
    def _browsers_keep_the_cookie(self) -> Self:
        if self.session_cookie_secure:
            return self
        if self.session_cookie_samesite == "none":
            raise ValueError(
                "SESSION_COOKIE_SAMESITE: none needs SESSION_COOKIE_SECURE=true; "
                "browsers drop the cookie otherwise"
            )
        if self.session_cookie_partitioned:
            raise ValueError(
                "SESSION_COOKIE_PARTITIONED: true needs SESSION_COOKIE_SECURE=true; "
                "browsers drop the cookie otherwise"
            )
        return self

    @model_validator(mode="after")
    def _shared_store_has_secrets(self) -> Self:
        if not self.store_is_shared:
            return self
        if not self.session_secrets:
            raise ValueError(
                "SESSION_SECRETS: missing; nodes that share a store must share the secret that signs "
                "cookies (make one with: openssl rand -base64 32)"
            )
        if self.has_short_secret:
            raise ValueError(
                f"SESSION_SECRETS: each secret needs at least {MIN_SECRET_LENGTH} characters "
                "(make one with: openssl rand -base64 32)"
            )
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _report_in_lines(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # The last of the validators here, so that it is around all others.
        written = values.pop(WRITTEN, {}) if isinstance(values, dict) else {}
        try:
            return handler(values)
        except ValidationError as error:
            raise SettingsError(lines(error, written)) from None


class ServiceSettings(Settings):
    """What only `python -m` reads, beside what the library does: the process, its address, its logs."""

    app: AppName = ""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_format: Literal["console", "json"] = "console"
