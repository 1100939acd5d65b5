"""What has the id of a socket."""

from abc import ABC, abstractmethod


class SocketLike(ABC):
    """Base of `Socket`, for code that must not import it."""

    __slots__ = ()

    @property
    @abstractmethod
    def sid(self) -> str:
        """Return the id of the socket in its namespace."""
