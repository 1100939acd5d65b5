"""The port: a stream for each node, to which the others append what they carry to it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .messages import Parcel


class NodeStreams(ABC):
    """What connects this node with each of the others. All raise BusUnavailableError when it cannot."""

    @abstractmethod
    async def send(self, node: str, parcels: Sequence[Parcel]) -> bool:
        """Append to a node's stream, in order; return False if there is no such node.

        What is sent may arrive twice.
        """

    @abstractmethod
    async def read(self) -> list[Parcel]:
        """Return what has been sent to this node; if there is nothing, wait up to half a second for it."""

    @abstractmethod
    async def renew(self) -> bool:
        """Show that this node is there; return False if what was sent to it may have been lost.

        A node that does not do so for five seconds is taken for gone.
        """

    @abstractmethod
    async def generation(self, node: str) -> str | None:
        """Return what changes when something that was sent to a node was lost; None if it is gone."""

    @abstractmethod
    async def aclose(self) -> None:
        """Be gone. May be called twice."""
