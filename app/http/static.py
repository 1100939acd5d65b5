"""Files that browsers load: pages of ours, and browser code of others."""

from pathlib import Path

from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_HERE = Path(__file__).parent
PAGES = _HERE / "pages"
VENDOR = _HERE / "vendor"


class Folder(StaticFiles):
    """Files, always the whole of each."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await super().__call__(_without_range(scope), receive, send)


def _without_range(scope: Scope) -> Scope:
    """Ignore a Range header, as a server may (RFC 9110, 14.2): the files are small, and what the
    library answers to a bad one is no problem document."""
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"range"]}
