"""Paths as routes see them: below the `root_path` under which an app is mounted."""

from starlette.types import Scope


def route_path(scope: Scope) -> str:
    """Return the path of a request below its `root_path`, as Starlette's router matches it."""
    path: str = scope["path"]
    root_path: str = scope.get("root_path", "").rstrip("/")
    if not root_path or not path.startswith(root_path):
        return path
    below = path[len(root_path) :]
    return below if not below or below.startswith("/") else path


class SocketPath:
    """The path of the Socket.IO server, with and without a slash at its end.

    Args:
        path: as in the setting SOCKET_PATH, `/socket.io` by default.
    """

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        self._paths = {self.path, f"{self.path}/"}

    def matches(self, scope: Scope) -> bool:
        """Return True if a request is one for the Socket.IO server."""
        if not scope.get("root_path"):
            return scope["path"] in self._paths
        return route_path(scope) in self._paths
