"""A Redis connection to the master that Sentinels name."""

from collections.abc import Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from .commands import Reply, retrieve
from .connecting import abort
from .connection import PipelinedConnection
from .failover_warnings import warn_of_failovers
from .master_watch import MasterWatch
from .replication import Address, Replication, parse_replication


class SentinelConnection(PipelinedConnection):
    """A connection that goes where the master is, with all others that share its watch.

    A planned failover promotes one replica while the others still follow the old master, and would
    go on to acknowledge its writes. So a write waits for every replica that could be promoted.

    Args:
        watch: finds the master.
        new_connection: makes a connection to a server, not yet connected.
        timeout: seconds that a command may take, discovery and connecting included.
        replicas: replicas that must have a write at least before its reply is delivered; 0: none must.
        warns: log once what a failover might lose.
    """

    def __init__(
        self,
        watch: MasterWatch,
        new_connection: Callable[[Address], AbstractConnection],
        *,
        timeout: float,
        replicas: int,
        warns: bool = True,
    ) -> None:
        super().__init__(
            lambda: new_connection(self._master or ("", 0)), timeout=timeout, replicas=replicas
        )
        self.watch = watch
        self._warns = warns
        self._master: Address | None = None
        self._replication = Replication()
        watch.add(self)

    async def connect(self) -> AbstractConnection:
        """Find the master, connect to it, and make sure that it is one."""
        self._master = await self.watch.find_master()
        connection = await super().connect()
        try:
            self._replication = await _ask_replication(connection)
        except BaseException:
            await abort(connection)
            raise
        if self._warns:
            self._warns = False
            warn_of_failovers(self._replication, self._replicas)
        return connection

    async def aclose(self) -> None:
        """Close the connection, and with the last of several the watch."""
        await super().aclose()
        await self.watch.aclose()

    def required_replicas(self) -> int:
        """Return how many replicas must have a write: all that may be promoted, and all that count.

        WAIT counts any replica, so those that cannot be promoted are counted in.
        """
        replication = self._replication
        promotable = self.watch.other_masters(self._master or ("", 0)) - replication.syncing
        return max(self._replicas, len(promotable | replication.online))

    def check_master(self) -> None:
        """Ask the Sentinels, without waiting for them."""
        self.watch.poll_now()

    def follow(self, master: Address) -> None:
        """Move to the master, or ask it for its replicas if it is the one that was there before."""
        if master != self._master:
            self.reconnect()
        elif self._replicas and self.is_open:
            self.execute("INFO", "replication").add_done_callback(self._take_replication)

    def _take_replication(self, reply: Reply) -> None:
        retrieve(reply)
        if not reply.cancelled() and reply.exception() is None:
            self._replication = parse_replication(reply.result())


async def _ask_replication(connection: AbstractConnection) -> Replication:
    """Return what a server says of its replicas; raise ConnectionError if it is one itself."""
    try:
        await connection.send_command("INFO", "replication")
        text: Any = await connection.read_response(disable_decoding=True)
    except ResponseError:
        return Replication()  # the user may not ask: see docs/operations.md
    found = parse_replication(text)
    if not found.is_master:
        raise ConnectionError("the Sentinels name a server that is no master yet")
    return found
