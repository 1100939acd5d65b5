"""The port: a stream for each node, to which the others append what they carry to it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from .messages import Parcel

LIFETIME_SECONDS = 5.0
"""A node that has not renewed its stream for so long is taken for gone."""

Sent = asyncio.Future[bool]


class NodeStreams(ABC):
    """What connects this node with each of the others. All raise BusUnavailableError when it cannot."""

    @abstractmethod
    def send(self, node: str, parcels: Sequence[Parcel]) -> Sent:
        """Append to a node's stream, in order; the future says whether there is such a node.

        What is sent may arrive twice.
        """

    @abstractmethod
    async def read(self) -> list[Parcel]:
        """Return what has been sent to this node; if there is nothing, wait up to half a second for it."""

    @abstractmethod
    async def renew(self) -> bool:
        """Show that this node is there; return False if what was sent to it may have been lost.

        One that does not do so for LIFETIME_SECONDS is taken for gone.
        """

    @abstractmethod
    async def generation(self, node: str) -> str | None:
        """Return what changes when something that was sent to a node was lost; None if it is gone."""

    @abstractmethod
    async def aclose(self) -> None:
        """Be gone. May be called twice."""
