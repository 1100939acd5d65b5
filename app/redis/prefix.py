"""What the names of all keys begin with: REDIS_PREFIX of an app, `prefix` of its workers."""

import re

from ..article import kind_of

_PREFIX = re.compile(r"[^\s{}\x00-\x1f\x7f]{1,64}")
"""Without braces, which say on a Cluster what is kept together."""


def check_prefix(prefix: str) -> str:
    """Return a prefix as it is; raise ValueError if keys cannot begin with it."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("write a word without spaces and braces")
    return prefix


def check_prefix_of_worker(prefix: str) -> None:
    """Check the prefix that code outside of the app was given.

    Raises:
        ValueError: no app can have it.
        TypeError: it is no string.
    """
    _check_type(prefix)
    try:
        check_prefix(prefix)
    except ValueError as error:
        raise ValueError(f"prefix: {error}") from None


def _check_type(prefix: object) -> None:
    if not isinstance(prefix, str):
        raise TypeError(f"the prefix of keys is a string, not {kind_of(prefix)}")
