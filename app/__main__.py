"""python -m app: read the settings, then serve."""

import socket
import sys

from app import logs
from app.main import create_app
from app.serving import Server, configure
from app.settings import SettingsError, read_settings

_WRONG_SETTINGS = 2


def main() -> int:
    """Serve until a signal; gives the exit code."""
    try:
        settings = read_settings()
        _check_host(settings.host)
        logs.configure(settings.log_level, settings.log_format)
        app = create_app(settings)
    except SettingsError as error:
        for line in str(error).splitlines():
            print(f"mooring cannot start: {line}", file=sys.stderr)
        return _WRONG_SETTINGS
    proxies = list(settings.trusted_proxies)
    config = configure(app, host=settings.host, port=settings.port, proxies=proxies)
    Server(app, config).run()
    return 0


def _check_host(host: str) -> None:
    """Raise SettingsError for a name that has no address, which the server would not tell so well."""
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise SettingsError(f"HOST: {host!r}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
