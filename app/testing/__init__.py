"""What users of the package test with. Nothing else in the package imports it.

The contract suites need pytest and pytest-asyncio, TestApp needs httpx: they are no dependencies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .clock import FakeClock
from .contracts.answers import AnswerStoreContract
from .contracts.bus import BusContract
from .contracts.store import StoreContract
from .contracts.user_index import UserIndexContract
from .node import Node, NodeKilledError
from .socket import ClientSocket, ConnectError

if TYPE_CHECKING:
    from .browser import Browser
    from .kit import TestApp

__all__ = [
    "AnswerStoreContract",
    "Browser",
    "BusContract",
    "ClientSocket",
    "ConnectError",
    "FakeClock",
    "Node",
    "NodeKilledError",
    "StoreContract",
    "TestApp",
    "UserIndexContract",
]

_NEED_HTTPX = {"Browser": ".browser", "TestApp": ".kit"}


def __getattr__(name: str) -> Any:
    """Import what needs httpx when it is asked for: who tests a store alone may have none."""
    if name in _NEED_HTTPX:
        return getattr(import_module(_NEED_HTTPX[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
