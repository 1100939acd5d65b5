"""What recovery works with."""

from dataclasses import dataclass

from ..bus.relay import BusRelay
from ..registry import SocketRegistry
from ..sender import PacketSender
from ..session_sockets import Member
from ..state_sync import StateSync
from .messenger import RecoveringMessenger
from .missed import Client
from .recoverable import Recoverable
from .retention import RetainingPresence
from .store import RecoveryStore


@dataclass(frozen=True)
class Parts:
    """The parts of a node.

    Attributes:
        messenger: sends to the sockets of this node.
        registry: the sockets of this node.
        sender: sends packets to them.
        relay: this node's end of the bus.
        presence: has messages sent on for disconnected sockets.
        store: keeps what sockets are, and has the logs.
        state_sync: reads a session's state.
    """

    messenger: RecoveringMessenger
    registry: SocketRegistry
    sender: PacketSender
    relay: BusRelay
    presence: RetainingPresence
    store: RecoveryStore
    state_sync: StateSync

    async def save(self, recoverable: Recoverable, member: Member, over: bytes | None) -> bool:
        """Store what a socket is; return False if it is another connection's by now.

        Raises:
            BusUnavailableError: there was no reply.
        """
        entry = recoverable.entry(member)
        saved = await self.store.save(key_of(member), recoverable.pid, entry, over)
        recoverable.stored = recoverable.stored or saved
        return saved


def key_of(member: Member) -> str:
    """Return the key of a socket's session."""
    return member.connection.session_sockets.key


def client_of(member: Member) -> Client:
    """Return whose messages are those of a socket."""
    return Client(member.sid, key_of(member), member.user, member.namespace)
