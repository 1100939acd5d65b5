"""Debian's HAProxy with the project's own configuration, in front of nodes on this machine."""

import http.client
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT, Process, free_port
from tests.support.service import Service

CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"

_TEMPLATE = re.compile(r"^    server-template .*$", re.MULTILINE)


def haproxy_binary() -> str:
    """HAProxy of this machine; that there is none is a failure."""
    found = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found, "haproxy is missing: `make test-needs` installs it"
    return found


@contextmanager
def balancer(nodes: Sequence[Service]) -> Iterator[str]:
    """A running balancer; gives its URL. The nodes are named in place of the DNS template."""
    port = free_port()
    servers = [
        f"    server node{number} 127.0.0.1:{node.port} cookie node{number}"
        for number, node in enumerate(nodes)
    ]
    with tempfile.TemporaryDirectory(prefix="mooring-haproxy-") as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(_TEMPLATE.sub("\n".join(servers), CONFIGURATION.read_text()))
        environment = {"LISTEN": f"127.0.0.1:{port}", "HSTS": "300"}
        process = Process([haproxy_binary(), "-db", "-f", str(file)], Path(folder), environment)
        process.start(lambda: _answers(port), within=10.0)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
