"""The service with a memory store that holds 200 sessions: python -m tests.support.flooded_app."""

import sys

from app.__main__ import main
from app.sessions import MemoryStore
from app.sessions.stores import memory_room

if __name__ == "__main__":
    defaults = MemoryStore.__init__.__kwdefaults__
    assert defaults is not None
    defaults["max_sessions"] = 200
    memory_room._SETTLING_SECONDS = 0.5
    sys.exit(main())
