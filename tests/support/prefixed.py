"""The service below a prefix: behind a real proxy that strips it or does not, or mounted in another app."""

import asyncio
import http.client
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.balancer import haproxy_binary
from tests.support.nginx import nginx_binary
from tests.support.processes import Process, free_port
from tests.support.service import service
from tests.support.stores import memory_settings

MOUNTED = "tests.support.mounted:app"

_NGINX = """
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    map $http_upgrade $upgrade_or_not {{ default upgrade; "" ""; }}
    server {{
        listen 127.0.0.1:{port};
        location {prefix}/ {{
            proxy_pass http://127.0.0.1:{node}{target};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrade_or_not;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""

_HAPROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend public
    bind 127.0.0.1:{port}
    http-request deny deny_status 404 unless {{ path_beg {prefix}/ }}
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    {rewriting}
    default_backend node
backend node
    server node 127.0.0.1:{node}
"""


@dataclass(frozen=True)
class Way:
    """How the service comes to be below `prefix`, for who looks from outside."""

    prefix: str
    proxy: str | None = None
    strips: bool = False
    root_path: str = ""
    app: str = ""

    @property
    def is_known(self) -> bool:
        """Return True if the service knows the whole prefix."""
        return bool(self.root_path or self.app)


WAYS = {
    "nginx, stripped, known": Way("/shop", "nginx", strips=True, root_path="/shop"),
    "nginx, stripped, not known": Way("/shop", "nginx", strips=True),
    "nginx, kept": Way("/shop", "nginx", root_path="/shop"),
    "haproxy, stripped, known": Way("/shop", "haproxy", strips=True, root_path="/shop"),
    "haproxy, stripped, not known": Way("/shop", "haproxy", strips=True),
    "haproxy, kept": Way("/shop", "haproxy", root_path="/shop"),
    "mounted": Way("/shop", app=MOUNTED),
    "mounted, nginx, stripped": Way(
        "/all/shop", "nginx", strips=True, root_path="/all", app=MOUNTED
    ),
}


@dataclass(frozen=True)
class Prefixed:
    """A service that runs below a prefix."""

    way: Way
    port: int

    @property
    def origin(self) -> str:
        """The address without the prefix."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"{self.origin}{self.way.prefix}/"


@asynccontextmanager
async def prefixed(way: Way, *, port: int = 0) -> AsyncIterator[Prefixed]:
    """Run the service and what is in front of it, on a port, or a free one."""
    settings: dict[str, Any] = {"root_path": way.root_path, "app": way.app} | memory_settings()
    port = port or free_port()
    async with service(port=port if way.proxy is None else 0, **settings) as node:
        if way.proxy is None:
            yield Prefixed(way, node.port)
            return
        with tempfile.TemporaryDirectory(prefix="mooring-prefix-") as name:
            process = Process(_command(way, Path(name), port, node.port), Path(name))
            ready = f"{way.prefix}/"
            await asyncio.to_thread(process.start, lambda: _answers(port, ready), within=10.0)
            try:
                yield Prefixed(way, port)
            finally:
                process.kill()


def _command(way: Way, folder: Path, port: int, node: int) -> list[str]:
    file = folder / "proxy.cfg"
    # All of the prefix that the node knows, or else the whole.
    stripped = way.root_path or way.prefix
    values = {"folder": folder, "port": port, "node": node, "prefix": stripped}
    if way.proxy == "nginx":
        file.write_text(_NGINX.format(**values, target="/" if way.strips else ""))
        # Root's workers would become somebody who may not read the folder.
        who = "user root;" if os.geteuid() == 0 else ""
        options = ["-p", str(folder), "-c", str(file), "-e", "stderr"]
        return [nginx_binary(), *options, "-g", f"daemon off; master_process off; {who}"]
    rewriting = f"http-request replace-path {stripped}/(.*) /\\1" if way.strips else ""
    file.write_text(_HAPROXY.format(**values, rewriting=rewriting))
    return [haproxy_binary(), "-db", "-f", str(file)]


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("HEAD", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
