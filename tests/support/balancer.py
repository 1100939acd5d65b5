"""Debian's HAProxy with the project's own configuration, in front of nodes on this machine.

The nodes have one name and one port and an address each, as containers have: 127.0.0.2 and on.
"""

import asyncio
import http.client
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.support.dns import Names, name_server
from tests.support.eventually import eventually
from tests.support.issued import check_secret
from tests.support.processes import ROOT, Process, free_port

CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


def haproxy_binary() -> str:
    """HAProxy of this machine; that there is none is a failure."""
    found = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found, "haproxy is missing: `make test-needs` installs it"
    return found


class Balancer:
    """A running balancer. `names.addresses` are those at which it looks for nodes.

    Variables of the configuration are in `environment`; `bind` are options of its port, which is free, or
    `listen`. Without `sticky` the requests of a socket go to each node in turn.
    """

    def __init__(
        self,
        names: Names,
        nodes_port: int,
        folder: Path,
        environment: Mapping[str, str],
        *,
        sticky: bool = True,
    ) -> None:
        environment = dict(environment)
        bind = environment.pop("bind", "")
        self.names = names
        self._stats = free_port()
        self.address = f"127.0.0.1:{environment.pop('listen', '') or free_port()}"
        self.url = f"http://{self.address}"
        settings = {
            "NODES": f"app.test:{nodes_port}",
            "RESOLVER": f"127.0.0.1:{names.port}",
            "LISTEN": f"{self.address} {bind}".strip(),
            "STATS": f"127.0.0.1:{self._stats}",
        }
        configuration = CONFIGURATION
        if not sticky:
            configuration = folder / "haproxy.cfg"
            configuration.write_text(without_stickiness(CONFIGURATION.read_text()))
        command = [haproxy_binary(), "-db", "-f", str(configuration)]
        self._process = Process(command, folder, settings | environment)

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process.start(lambda: self._status("/metrics") is not None)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    async def has_ready(self, nodes: int) -> None:
        """Return when it has found so many nodes that are ready."""
        await eventually(lambda: asyncio.to_thread(self._has_ready, nodes), within=15.0)

    def log(self) -> str:
        """What it has written."""
        return self._process.log()

    def _has_ready(self, nodes: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._stats, timeout=1.0)
        connection.request("GET", "/;csv")
        rows = connection.getresponse().read().decode().splitlines()
        connection.close()
        names = rows[0].removeprefix("# ").split(",")
        servers = [dict(zip(names, row.split(","), strict=False)) for row in rows[1:]]
        up = [each for each in servers if each["pxname"] == "ready" and each["status"] == "UP"]
        return sum(each["svname"] != "BACKEND" for each in up) == nodes

    def _status(self, path: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._stats, timeout=1.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()


def without_stickiness(configuration: str) -> str:
    """Return the configuration as docs/proxies.md says: without the lines that keep a socket at its node."""
    sticky = re.compile(
        r"^ *(cookie|dynamic-cookie-key|ignore-persist|force-persist) .*\n", re.MULTILINE
    )
    return sticky.sub("", configuration).replace("balance leastconn", "balance roundrobin")


def balancer(
    addresses: list[str], port: int, **environment: str
) -> AbstractAsyncContextManager[Balancer]:
    """A running balancer that has found the nodes at these addresses, all of them ready."""
    return _running(addresses, port, environment)


def balancer_in_turn(addresses: list[str], port: int) -> AbstractAsyncContextManager[Balancer]:
    """The same, but each request goes to the next node."""
    return _running(addresses, port, {}, sticky=False)


@asynccontextmanager
async def _running(
    addresses: list[str], port: int, environment: Mapping[str, str], *, sticky: bool = True
) -> AsyncIterator[Balancer]:
    with tempfile.TemporaryDirectory(prefix="mooring-haproxy-") as folder:
        async with name_server(addresses) as names:
            front = Balancer(names, port, Path(folder), environment, sticky=sticky)
            await asyncio.to_thread(front.start)
            try:
                await front.has_ready(len(addresses))
                yield front
            finally:
                front.kill()
            check_secret(front.log(), "the balancer's log")
