"""Debian's nginx as a reverse proxy in front of nodes, written as its users write it."""

import tempfile
from collections.abc import Iterator, Sequence
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
    upstream app {{ {servers} }}
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
def nginx_proxy(
    node: int | Sequence[str], lines: str, certificate: Certificate | None = None
) -> Iterator[str]:
    """Forward with these lines in the location; gives the URL.

    Args:
        node: port of a node of this machine, or the addresses of several, which get the requests in turn.
        lines: of the location.
        certificate: for TLS.
    """
    servers = [f"127.0.0.1:{node}"] if isinstance(node, int) else node
    with tempfile.TemporaryDirectory(prefix="mooring-nginx-") as name:
        folder, port = Path(name), free_port()
        tls = "" if certificate is None else _tls(certificate)
        text = _CONFIGURATION.format(
            folder=folder,
            servers=" ".join(f"server {each};" for each in servers),
            port=port,
            tls=tls,
            lines=lines,
        )
        (folder / "nginx.conf").write_text(text)
        process = Process(nginx_command(folder), folder)
        process.start(lambda: listens(port))
        try:
            yield f"http{'s' if certificate else ''}://127.0.0.1:{port}"
        finally:
            process.stop()


def _tls(certificate: Certificate) -> str:
    return f"ssl; ssl_certificate {certificate.file}; ssl_certificate_key {certificate.key}"
