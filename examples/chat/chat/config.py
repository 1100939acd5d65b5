"""What can be set, by CHAT_… in the environment or in `.env`."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Config(BaseSettings):
    """Settings of the chat itself; those of sessions and sockets are Mooring's."""

    model_config = SettingsConfigDict(env_prefix="CHAT_", env_file=".env", extra="ignore")

    database: Path = Path("chat.sqlite3")
    """File of the history; all nodes and the worker use the same one."""

    admins: Annotated[frozenset[str], NoDecode] = frozenset({"captain"})
    """Who may kick and ban; names with commas between them in the environment."""

    reminder_interval: float = 1.0
    """Seconds between two looks for reminders that are due."""

    @field_validator("admins", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return given.replace(",", " ").split() if isinstance(given, str) else given


@lru_cache
def config() -> Config:
    """Return the settings, read once. A dependency, which tests override."""
    return Config()
