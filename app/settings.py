"""The settings, from the environment, `.env` or secret files; a wrong one is named in one line."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

SHORTEST_SECRET = 32
_TEN_YEARS = 10 * 365 * 24 * 3600
_COOKIE_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}"
_DOMAIN = r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_FACTORY = r"memory|redis|[A-Za-z_][\w.]*:[A-Za-z_]\w*"
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?")


class SettingsError(Exception):
    """A setting is wrong; the message is one line for each, and names it."""


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [part for item in value.split(",") if (part := item.strip())]
    return value


def _blank_is_none(value: Any) -> Any:
    return None if value in ("", "none") else value


def _written(pattern: str, hint: str) -> AfterValidator:
    """Take only what the pattern fits; the hint says what to write instead."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(hint)
        return value

    return AfterValidator(check)


Seconds = Annotated[float, Field(gt=0, le=_TEN_YEARS, allow_inf_nan=False)]
StoreName = Annotated[str, _written(_FACTORY, "write memory, redis or package.module:factory")]
CookieName = Annotated[str, _written(_COOKIE_NAME, "write letters, digits, - and _, at most 64")]
Domain = Annotated[str, _written(_DOMAIN, "write a host name such as example.org, or nothing")]
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

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(3000, ge=0, le=65535)
    session_store: StoreName = "memory"
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    session_secrets: Secrets = ()
    session_idle_timeout: Seconds = 1800
    session_absolute_timeout: Seconds = 43200
    session_activity: Literal["http", "events", "connected"] = "http"
    session_reload_interval: Seconds = 30
    session_cookie_name: CookieName = "session"
    session_cookie_samesite: Literal["lax", "strict", "none"] = "lax"
    session_cookie_secure: bool = False
    session_cookie_domain: Annotated[Domain | None, BeforeValidator(_blank_is_none)] = None
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

    @field_validator("session_cookie_name")
    @classmethod
    def _prefix_is_ours_to_add(cls, name: str) -> str:
        if name.lower().startswith(("__host-", "__secure-")):
            raise ValueError("write the name without its prefix, which is added where it is right")
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{error}; write addresses or networks, no host names") from None
        return proxies

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
    """Read the settings; raises SettingsError with a line for each that is wrong.

    SECRETS_DIR, in the environment, names a folder whose files are settings too: `redis_url`, say.
    What the environment or `.env` sets goes before them.
    """
    try:
        return Settings(_secrets_dir=_secrets_dir(), **overrides)
    except ValidationError as error:
        lines = [_line(item["loc"], item["msg"]) for item in error.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None
    except UnreadableError as error:
        raise SettingsError(f"{error}: {error.__cause__}") from None


def _secrets_dir() -> Path | None:
    name = os.environ.get("SECRETS_DIR")
    if not name:
        return None
    # The library would warn of a folder that does not exist, and go on without.
    if not Path(name).is_dir():
        raise SettingsError(f"SECRETS_DIR: {name} is no folder")
    return Path(name)


def _line(where: tuple[int | str, ...], what: str) -> str:
    message = what.removeprefix("Value error, ")
    return f"{str(where[0]).upper()}: {message}" if where else message
