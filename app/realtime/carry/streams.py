"""The port: a stream for each node, to which the others append what they carry to it."""

import asyncio
from abc import ABC, abstractmethod

from .messages import Parcel

LIFETIME_SECONDS = 5.0
"""A node that has not renewed its stream for so long is taken for gone."""

Sent = asyncio.Future[bool]


class CarryStreams(ABC):
    """What connects this node with each of the others. All raise BusUnavailableError when it cannot."""

    @abstractmethod
    def send(self, node: str, parcel: Parcel) -> Sent:
        """Append to a node's stream, in the order of the calls; the future says whether there is such a node.

        What is sent may arrive twice.
        """

    def send_and_forget(self, node: str, parcel: Parcel) -> None:
        """Append what need not arrive."""
        self.send(node, parcel).add_done_callback(_retrieve)

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
        """Leave. May be called twice."""


def _retrieve(sent: Sent) -> None:
    """Retrieve an error, so that asyncio does not report it."""
    _ = sent.cancelled() or sent.exception()
