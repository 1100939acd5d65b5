"""Debian's nginx as a reverse proxy in front of a node, written as its users write it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import Certificate
from tests.support.nginx import listens, nginx_command
from tests.support.processes import Process, free_port

_CONFIGURATION = """
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    upstream app {{ server 127.0.0.1:{node}; }}
    server {{
        listen 127.0.0.1:{port} {tls};
        location / {{
            proxy_pass http://app;
            {lines}
        }}
    }}
}}
"""


@contextmanager
def nginx_proxy(node: int, lines: str, certificate: Certificate | None = None) -> Iterator[str]:
    """Forward to a node's port with these lines in the location; gives the URL."""
    with tempfile.TemporaryDirectory(prefix="mooring-nginx-") as name:
        folder, port = Path(name), free_port()
        tls = "" if certificate is None else _tls(certificate)
        text = _CONFIGURATION.format(folder=folder, node=node, port=port, tls=tls, lines=lines)
        (folder / "nginx.conf").write_text(text)
        process = Process(nginx_command(folder), folder)
        process.start(lambda: listens(port))
        try:
            yield f"http{'s' if certificate else ''}://127.0.0.1:{port}"
        finally:
            process.stop()


def _tls(certificate: Certificate) -> str:
    return f"ssl; ssl_certificate {certificate.file}; ssl_certificate_key {certificate.key}"
