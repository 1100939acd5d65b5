"""Who is notified of what happens to sessions on this node."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from .models import EndReason, Record

BeforeEndListener = Callable[[str], None]
EndListener = Callable[[str, EndReason], Awaitable[None]]


class LifeListener(Protocol):
    """Is notified of what is opened, changed and ended on this node; returns at once."""

    def created(self, key: str, record: Record) -> None:
        """Handle a session that was opened."""

    def committed(self, key: str, before: bytes, after: bytes) -> None:
        """Handle data that were replaced."""

    def ended(self, key: str, reason: EndReason, record: Record | None) -> None:
        """Handle a session that was ended on purpose, with what was stored last."""
