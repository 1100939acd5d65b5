"""The warning for what holds connections and is not closed."""

import warnings


def warn_unclosed(source: object, how: str) -> None:
    """Warn from the `__del__` of an object that is still connected, as asyncio's streams and httpx do.

    Args:
        source: the object.
        how: by which calls it is closed.
    """
    warnings.warn(f"unclosed {source!r}: {how}", ResourceWarning, stacklevel=3, source=source)
