"""The contract of SessionStore, as a suite that any adapter can run."""

from .store_base import AdvanceTime
from .store_commit import CommitContract
from .store_create import CreateContract
from .store_end import EndContract
from .store_load import LoadContract

__all__ = ["AdvanceTime", "StoreContract"]


class StoreContract(CreateContract, LoadContract, CommitContract, EndContract):
    """All that the docstrings of SessionStore promise.

    Subclass it in a test module, with a fixture `store`:

        class TestMyStore(StoreContract):
            @pytest_asyncio.fixture
            async def store(self) -> AsyncIterator[SessionStore]:
                store = MyStore(...)
                yield store
                await store.aclose()

    The store may hold other data: every test uses keys of its own. Works in either mode of
    pytest-asyncio. A store whose clock can be set saves time by overriding the fixture
    `advance_time`; one whose clock is coarse sets `short_lifetime` and `precision`.
    """
