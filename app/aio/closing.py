"""What `async with` closes."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Is closed at the end of `async with`, however that ends."""

    __slots__ = ()

    @abstractmethod
    async def aclose(self) -> None:
        """Close it. May be called twice."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()
