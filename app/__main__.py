"""python -m app: read the settings, then serve."""

import logging
import sys

from app.main import create_app
from app.serving import Server, configure
from app.settings import SettingsError, read_settings

_WRONG_SETTINGS = 2


def main() -> int:
    """Serve until a signal; gives the exit code."""
    try:
        settings = read_settings()
        logging.basicConfig(
            level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(message)s"
        )
        _quiet(settings.log_level)
        app = create_app(settings)
    except SettingsError as error:
        for line in str(error).splitlines():
            print(f"mooring cannot start: {line}", file=sys.stderr)
        return _WRONG_SETTINGS
    proxies = list(settings.trusted_proxies)
    config = configure(app, host=settings.host, port=settings.port, proxies=proxies)
    Server(app, config).run()
    return 0


def _quiet(level: str) -> None:
    """Keep a word per packet, and per HTTP server event, for those who ask for it."""
    if level != "debug":
        for name in ("app.realtime.socketio", "app.realtime.engineio", "uvicorn", "asyncio"):
            logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
