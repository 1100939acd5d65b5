"""Names in the environment that are meant for Mooring, and that nothing reads."""

import os
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_settings import BaseSettings, DotEnvSettingsSource

from .settings import ServiceSettings
from .settings_sources import PREFIX

_OTHERS = {"secrets_dir"}
"""Read, but no fields."""

_SESSION, _COOKIE = "SESSION_", "_COOKIE_"
_SIMILAR = 0.8
_SIMILAR_AS_A_WHOLE = 0.95
_SIMILAR_WITH_PREFIX = 0.6
"""How near a name that begins with MOORING_ has to be: nobody else reads those."""


def misspelt(
    environ: Iterable[str] | None = None, cls: type[BaseSettings] = ServiceSettings
) -> list[tuple[str, str]]:
    """Return each name that is nearly one of the settings, with the setting that it is near to.

    Args:
        environ: the names to check; by default those of the environment and of `.env`.
        cls: the settings that there are, such as a subclass with more fields.
    """
    known = {name.upper() for name in {*cls.model_fields, *ServiceSettings.model_fields, *_OTHERS}}
    names = _names_set(cls) if environ is None else environ
    found = ((name, _nearest(name, known)) for name in names)
    return sorted((name, near) for name, near in found if near is not None)


def _names_set(cls: type[BaseSettings]) -> set[str]:
    in_file = DotEnvSettingsSource(cls).env_vars
    return {*os.environ, *(name.upper() for name in in_file)}


def _nearest(name: str, known: set[str]) -> str | None:
    bare = name.removeprefix(PREFIX)
    prefix = name[: -len(bare)]
    if bare in known or not (prefix or bare.startswith(_SESSION) or _COOKIE in bare):
        return None
    near = get_close_matches(bare, known, 1, _SIMILAR_AS_A_WHOLE) or _by_own_part(
        bare, known, _SIMILAR_WITH_PREFIX if prefix else _SIMILAR
    )
    return prefix + near[0] if near else None


def _by_own_part(name: str, known: set[str], cutoff: float) -> list[str]:
    """Compare names without what many of them begin with, which would make any two of them alike."""
    parts = {_own_part(each): each for each in sorted(known)}
    return [parts[near] for near in get_close_matches(_own_part(name), parts, 1, cutoff)]


def _own_part(name: str) -> str:
    return name.removeprefix(_SESSION).replace("COOKIE_", "CK_")
