"""What joins a node to the others."""

import secrets
from dataclasses import dataclass, field

from app.realtime.bus import Bus, MemoryBus
from app.realtime.presence import Alone, Presence


def new_node() -> str:
    """Make a name for a process."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Peers:
    """The bus, each other's numbers of sockets, and this node's name on both."""

    bus: Bus = field(default_factory=MemoryBus)
    presence: Presence = field(default_factory=Alone)
    node: str = field(default_factory=new_node)
