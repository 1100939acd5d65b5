"""The contract of app.sessions.SessionStore, as a suite that any adapter can run.

    import pytest
    import pytest_asyncio
    from tests.contracts.store_contract import LetPass, StoreContract

    class TestMyStore(StoreContract):
        @pytest_asyncio.fixture
        async def store(self) -> AsyncIterator[SessionStore]:
            store = MyStore(...)
            yield store
            await store.aclose()

        @pytest.fixture
        def let_pass(self) -> LetPass:
            return asyncio.sleep

`let_pass(seconds)` returns when the store's clock has moved on by at least so many seconds: for a
store with a real clock it waits, for one whose clock can be set it moves it. The store may hold
other data; every test uses keys of its own. It needs pytest and pytest-asyncio, in either mode, and
the root of this repository on the Python path.
"""

from tests.contracts.committing import CommitContract
from tests.contracts.creating import CreateContract
from tests.contracts.ending import EndContract
from tests.contracts.parts import LetPass
from tests.contracts.reading import ReadContract

__all__ = ["LetPass", "StoreContract"]


class StoreContract(CreateContract, ReadContract, CommitContract, EndContract):
    """All that the docstrings of SessionStore promise."""
