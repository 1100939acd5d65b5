"""Where the Socket.IO server is found, and what a route sees of a path."""

import pytest

from app.asgi.paths import SocketPath


@pytest.mark.parametrize("path", ["/socket.io", "/socket.io/", "/a/b"])
def test_the_socket_path_is_found_below_any_root_path(path: str) -> None:
    socket_path, own = SocketPath(path), path.rstrip("/")
    for root_path in ("", "/", "/api", "/api/"):
        base = root_path.rstrip("/")
        for found in (own, own + "/"):
            assert socket_path.matches({"path": base + found, "root_path": root_path})
        for other in (f"{own}x", f"{own}/x", f"x{own}", "/", f"{own}//"):
            assert not socket_path.matches({"path": base + other, "root_path": root_path})
    assert not socket_path.matches({"path": f"/apix{own}", "root_path": "/api"})


def test_a_path_from_which_the_server_has_stripped_the_root_path_is_found() -> None:
    assert SocketPath("/socket.io").matches({"path": "/socket.io/", "root_path": "/api"})
