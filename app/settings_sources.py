"""Where settings come from: environment, `.env` and secret files, each under two names.

`MOORING_` and the name in capitals goes before the name alone, wherever the two are written: so an
app that has a `REDIS_URL` of its own can give Mooring another one.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableError

PREFIX = "MOORING_"
WRITTEN = "written_as"
"""The key under which sources hand on the name that each value was written under."""

_PREFIXES = (PREFIX, "")


class SettingsError(Exception):
    """A setting is wrong; the message is one line for each, and names it as it was written."""


class NamedSource(PydanticBaseSettingsSource):
    """Another source, whose empty values count as unset, and which says under which names it found them.

    Args:
        source: what to read.
        prefix: what stands before the names there, None if they are keyword arguments.
    """

    def __init__(self, source: PydanticBaseSettingsSource, prefix: str | None) -> None:
        super().__init__(source.settings_cls)
        self._source = source
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what the source has of one field."""
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        """Return what the source has of all fields. Raise SettingsError if it cannot be read."""
        try:
            values = self._source()
        except UnreadableError as error:
            raise SettingsError(f"{error}: {error.__cause__}") from None
        if self._prefix is not None:
            values = {name: value for name, value in values.items() if value != ""}
        return values | {WRITTEN: {name: self._written(name) for name in values}}

    def _written(self, name: str) -> str:
        return name if self._prefix is None else self._prefix + name.upper()


def named_sources(
    cls: type[BaseSettings], arguments: PydanticBaseSettingsSource, env_file: Any
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Return all sources of a settings class, the strongest first."""
    refuse_unknown(cls, arguments())
    return (NamedSource(arguments, None), *_files_and_environment(cls, env_file))


def refuse_unknown(cls: type[BaseSettings], names: Iterable[str]) -> None:
    """Raise SettingsError for keyword arguments that are no settings, which would be ignored."""
    fields = cls.model_fields
    if cls.model_config.get("extra") != "ignore" or any(each.alias for each in fields.values()):
        return
    unknown = sorted(set(names) - fields.keys())
    if unknown:
        raise SettingsError("\n".join(_unknown(name, fields) for name in unknown))


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"{name}: no such setting" + (f"; did you mean {near[0]}?" if near else "")


def _files_and_environment(
    cls: type[BaseSettings], env_file: Any
) -> Iterator[PydanticBaseSettingsSource]:
    secrets_dir = _secrets_dir()
    for prefix in _PREFIXES:
        yield NamedSource(EnvSettingsSource(cls, env_prefix=prefix), prefix)
        yield NamedSource(
            DotEnvSettingsSource(
                cls, env_file=env_file, env_prefix=prefix, dotenv_filtering="only_existing"
            ),
            prefix,
        )
        if secrets_dir is not None:
            source = SecretsSettingsSource(cls, secrets_dir=secrets_dir, env_prefix=prefix)
            yield NamedSource(source, prefix)


def _secrets_dir() -> Path | None:
    for name in (f"{PREFIX}SECRETS_DIR", "SECRETS_DIR"):
        folder = os.environ.get(name)
        if folder:
            # The library would warn of a folder that does not exist, and go on without.
            if not Path(folder).is_dir():
                raise SettingsError(f"{name}: {folder} is no folder")
            return Path(folder)
    return None


def lines(error: ValidationError, written: Mapping[str, str]) -> str:
    """Return one line for each setting that is wrong; `written` has the names as they were written."""
    return "\n".join(
        _line(item["loc"], item["msg"], written) for item in error.errors(include_url=False)
    )


def _line(where: tuple[int | str, ...], what: str, written: Mapping[str, str]) -> str:
    message = what.removeprefix("Value error, ")
    if where:
        field = str(where[0])
        return f"{written.get(field, field.upper())}: {message}"
    return re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", lambda name: _as_written(name[0], written), message)


def _as_written(name: str, written: Mapping[str, str]) -> str:
    return written.get(name.lower(), name)
