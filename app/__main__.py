"""python -m app [module:attribute] [--reload]: serve an app, by default the example."""

import sys

from .extras import explain_missing

_CANNOT_START = 2


def main() -> int:
    """Serve until a signal, and return the exit code; arguments are those of the process."""
    try:
        from .server.command_line import main as serve  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as error:
        sys.stderr.write(f"mooring cannot start: {explain_missing('server', error)}\n")
        return _CANNOT_START
    return serve()


if __name__ == "__main__":
    sys.exit(main())
