"""What users of the package test with. Nothing else in the package imports it.

Needs pytest and pytest-asyncio, which are no dependencies of the package.
"""

from .contracts.answers import AnswerStoreContract
from .contracts.bus import BusContract
from .contracts.store import StoreContract
from .contracts.user_index import UserIndexContract

__all__ = ["AnswerStoreContract", "BusContract", "StoreContract", "UserIndexContract"]
