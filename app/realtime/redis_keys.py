"""The names of keys and channels on a Redis server, of the bus and of presence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RedisKeys:
    """All names that begin with one prefix."""

    prefix: str = "mooring"

    @property
    def bus(self) -> str:
        """The stream that all nodes read."""
        return f"{self.prefix}:bus"

    @property
    def streams(self) -> str:
        """What the names of the nodes' streams begin with. On a Cluster they share the slot of `bus`."""
        return f"{self.prefix}:{{{self.bus}}}:"

    @property
    def nodes(self) -> str:
        """The set of all nodes."""
        return f"{self.prefix}:nodes"

    def stream(self, node: str) -> str:
        """Return the stream that one node reads."""
        return self.streams + node

    def log(self, node: str) -> str:
        """Return the stream of what one node has published itself; see Bus.keeps_log."""
        return f"{self.streams}{node}:own"

    def seen(self, node: str) -> str:
        """Return what expires when a node that recovers sockets has been dead for a while."""
        return f"{self.prefix}:seen:{node}"

    def recovery(self, key: str) -> str:
        """Return the hash of what the sockets of a session are, for their return."""
        return f"{self.prefix}:recovery:{key}"

    def carried(self, node: str) -> str:
        """Return the stream of the requests, and answers, that are carried to one node."""
        return f"{self.streams}carried:{node}"

    def sockets(self, key: str) -> str:
        """Return the hash of the nodes that have sockets for a key, and how many."""
        return f"{self.prefix}:sockets:{key}"

    def counted(self, node: str) -> str:
        """Return the set of the keys that a node has published numbers under."""
        return f"{self.prefix}:counted:{node}"

    def counter(self, name: str) -> str:
        """Return what counts events of one name, while its window goes on."""
        return f"{self.prefix}:counter:{name}"

    def channel(self, node: str) -> str:
        """Return the channel that a node subscribes to while it lives."""
        return f"{self.prefix}:node:{node}"
