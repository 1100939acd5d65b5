"""What users of the package test with. Nothing else in the package imports it.

The contract suites need pytest and pytest-asyncio, TestApp needs httpx: they are no dependencies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .browser import Browser
    from .clock import FakeClock
    from .contracts.answers import AnswerStoreContract
    from .contracts.bus import BusContract
    from .contracts.store import StoreContract
    from .contracts.user_index import UserIndexContract
    from .handshake import ConnectError
    from .kit import TestApp
    from .node import Node, NodeKilledError
    from .socket import ClientSocket
    from .websocket import ClientWebSocket

__all__ = [
    "AnswerStoreContract",
    "Browser",
    "BusContract",
    "ClientSocket",
    "ClientWebSocket",
    "ConnectError",
    "FakeClock",
    "Node",
    "NodeKilledError",
    "StoreContract",
    "TestApp",
    "UserIndexContract",
]

_MODULES = {
    "AnswerStoreContract": ".contracts.answers",
    "Browser": ".browser",
    "BusContract": ".contracts.bus",
    "ClientSocket": ".socket",
    "ClientWebSocket": ".websocket",
    "ConnectError": ".handshake",
    "FakeClock": ".clock",
    "Node": ".node",
    "NodeKilledError": ".node",
    "StoreContract": ".contracts.store",
    "TestApp": ".kit",
    "UserIndexContract": ".contracts.user_index",
}
"""Where the names are. Some need more than the package does, and pytest loads the plugin in every run."""


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: who uses one of them may lack what another needs."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
