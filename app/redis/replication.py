"""What a server says of its replicas, by INFO."""

from dataclasses import dataclass

Address = tuple[str, int]


@dataclass(frozen=True)
class Replication:
    """The section `replication` of a server's INFO.

    Attributes:
        is_master: False for a replica.
        online: the replicas that follow it.
        syncing: those that fetch its data first, and cannot have been promoted meanwhile.
        guarded: whether it refuses writes when it has lost its replicas (`min-replicas-to-write`).
    """

    is_master: bool = True
    online: frozenset[Address] = frozenset()
    syncing: frozenset[Address] = frozenset()
    guarded: bool = False


def parse_replication(text: bytes) -> Replication:
    """Return what a reply to `INFO replication` says."""
    lines = (line.partition(":") for line in text.decode(errors="replace").splitlines())
    fields = {name: value for name, _, value in lines}
    replicas = [
        _words(value)
        for name, value in fields.items()
        if name[5:].isdigit() and name[:5] == "slave"
    ]
    states = [(each.get("state"), _address(each)) for each in replicas]
    return Replication(
        fields.get("role") != "slave",
        frozenset(address for state, address in states if state == "online"),
        frozenset(address for state, address in states if state != "online"),
        "min_slaves_good_slaves" in fields,
    )


def _words(value: str) -> dict[str, str]:
    """Return the parts of `ip=127.0.0.1,port=6379,state=online,…`."""
    return {name: word for name, _, word in (each.partition("=") for each in value.split(","))}


def _address(words: dict[str, str]) -> Address:
    port = words.get("port", "")
    return words.get("ip", ""), int(port) if port.isdigit() else 0
