"""The settings, from the environment or `.env`; a wrong one is named in one line."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SHORTEST_SECRET = 32
_COOKIE_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"
_DOMAIN = r"^\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
_FACTORY = r"^memory$|^redis$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?")


class SettingsError(Exception):
    """A setting is wrong; the message is one line for each, and names it."""


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [part for item in value.split(",") if (part := item.strip())]
    return value


def _blank_is_none(value: Any) -> Any:
    return None if value in ("", "none") else value


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Everything that can be set; the names in the environment are these in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(3000, ge=0, le=65535)
    session_store: str = Field("memory", pattern=_FACTORY)
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    session_secrets: Secrets = ()
    session_idle_timeout: Seconds = 1800
    session_absolute_timeout: Seconds = 43200
    session_activity: Literal["http", "events", "connected"] = "http"
    session_reload_interval: Seconds = 30
    session_cookie_name: str = Field("session", pattern=_COOKIE_NAME)
    session_cookie_samesite: Literal["lax", "strict", "none"] = "lax"
    session_cookie_secure: bool = False
    session_cookie_domain: Annotated[
        Annotated[str, Field(pattern=_DOMAIN)] | None, BeforeValidator(_blank_is_none)
    ] = None
    session_cookie_partitioned: bool = False
    session_max_bytes: int = Field(32768, ge=64)
    session_max_sockets: int = Field(100, ge=1)
    client_rate: int = Field(0, ge=0)
    cors_origins: Words = ("http://localhost:4200",)
    trusted_proxies: Words = ("127.0.0.1",)
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_format: Literal["console", "json"] = "console"

    @property
    def store_is_shared(self) -> bool:
        """Whether other processes may use the same sessions, so that all must know the same secrets."""
        return self.session_store != "memory"

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_exact(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin; write scheme://host[:port] in lower case, "
                    "without a path, and never *"
                )
        return origins

    @model_validator(mode="after")
    def _cookie_is_one_that_browsers_keep(self) -> Self:
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
                f"SESSION_SECRETS: each secret needs at least {SHORTEST_SECRET} characters "
                "(make one with: openssl rand -base64 32)"
            )
        return self

    @property
    def has_short_secret(self) -> bool:
        """Whether a secret could be guessed."""
        return any(len(each.get_secret_value()) < SHORTEST_SECRET for each in self.session_secrets)


def read_settings(**overrides: Any) -> Settings:
    """Read the settings; raises SettingsError with a line for each that is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_line(item["loc"], item["msg"]) for item in error.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None


def _line(where: tuple[int | str, ...], what: str) -> str:
    message = what.removeprefix("Value error, ")
    return f"{str(where[0]).upper()}: {message}" if where else message
