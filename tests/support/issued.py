"""P10 over all tests: every session id that a client was given, and the search for it (`check_secret`).

Each kind of client notes what it is told to keep. What a service writes, counts and stores is
searched for all of them when the service or the server ends, or is emptied.
"""

import re
from collections.abc import Iterable, Iterator

from app.sessions.ids import session_key

PEOPLE = "people.example"
"""In the ids of the users of `tests/product/signed_in.py`, which are to be as little seen."""

_SIGNED = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")
_PART = 16
"""Digits of an id that are too many to show: 96 of its 256 bits."""
_RUN = re.compile(rf"[A-Za-z0-9_-]{{{_PART},}}")
_KEPT_DIGITS = 43

_parts: dict[str, str] = {}
"""Parts of ids and of their signatures, each with its session's key."""


def note_issued(headers: Iterable[str]) -> None:
    """Note the ids in Set-Cookie headers, whatever the cookies' names are."""
    for header in headers:
        for found in _SIGNED.finditer(header):
            key = session_key(found[1])
            _parts.update((part, key) for secret in found.groups() for part in _parts_of(secret))


def was_issued(key: str) -> bool:
    """Whether a client was given the id of a session; the first digits of its key are enough."""
    return any(each.startswith(key) for each in _parts.values())


def check_secret(text: str, where: str) -> None:
    """Fail if a session id, a signature, or a good part of one is in a text."""
    leaked = {_parts[part] for part in _pieces(text) if part in _parts}
    assert not leaked, f"session ids in {where}: those of the sessions {sorted(leaked)}"


def _parts_of(secret: str) -> tuple[str, ...]:
    """Cut out parts so that no 30 digits of a secret are without a whole one."""
    middle = (_KEPT_DIGITS - _PART) // 2
    return secret[:_PART], secret[middle : middle + _PART], secret[-_PART:]


def _pieces(text: str) -> Iterator[str]:
    for run in _RUN.findall(text):
        for start in range(len(run) - _PART + 1):
            yield run[start : start + _PART]
