"""The product of tests/users, with hooks that write down who comes and goes, for all nodes in one file."""

import json
import os
from pathlib import Path

from tests.users.product import app, mooring

__all__ = ["app"]


def _note(what: str, user: str) -> None:
    with Path(os.environ["TOLD"]).open("a") as file:
        file.write(json.dumps([what, user]) + "\n")


@mooring.on_user_online
async def online(user: str) -> None:
    """Note who comes."""
    _note("online", user)


@mooring.on_user_offline
def offline(user: str) -> None:
    """Note who goes."""
    _note("offline", user)
