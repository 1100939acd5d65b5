"""One copy of the package in a process: as `app` from a checkout, or as `fastapi_mooring` from its wheel.

Two copies have two sets of classes and keys, so that an app that imports the one and is served by the
other would silently lack its sessions.
"""

import sys

DISTRIBUTION = "fastapi-mooring"
"""Distinguishes a copy from an app's own package of the same name."""

_NAMES = ("app", "fastapi_mooring")


def refuse_second_copy(package: str) -> None:
    """Raise ImportError if the package has been imported under another name already."""
    for name in _NAMES:
        guard = sys.modules.get(f"{name}.import_guard")
        if name != package and getattr(guard, "DISTRIBUTION", None) == DISTRIBUTION:
            raise ImportError(
                f"{package} cannot be imported beside {name}: both are Mooring, one from a checkout "
                "and one installed; import fastapi_mooring alone, and serve with "
                "python -m fastapi_mooring"
            )


refuse_second_copy(__name__.rpartition(".")[0])
