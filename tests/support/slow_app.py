"""The service with an event that waits for a file to appear, and with quick heartbeats."""

import asyncio
import os
import sys
from pathlib import Path

from app import __main__ as command
from app.realtime.counting import events
from app.realtime.edge import HEARTBEAT
from app.realtime.events import Context


@events.on("wait")
async def wait(_context: Context) -> None:
    """Wait until the file that GATE names is there."""
    gate = Path(os.environ["GATE"])
    while not gate.exists():
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    HEARTBEAT.update(ping_interval=0.3, ping_timeout=0.3)
    sys.exit(command.main())
