"""The service with a memory store that holds one session: python -m tests.support.small_store_app."""

import sys

from app.__main__ import main
from app.sessions import MemoryStore

if __name__ == "__main__":
    defaults = MemoryStore.__init__.__kwdefaults__
    assert defaults is not None
    defaults["max_sessions"] = 1
    sys.exit(main())
