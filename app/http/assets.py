"""Files that browsers load: our pages, and the browser code of others."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.http.dependencies import SessionDep

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
_PAGES = _HERE / "pages"
_FOLDERS = {
    "/pages": _PAGES,
    # Where the Node server has the client, so that pages written for it find it.
    "/socket.io": _HERE / "vendor" / "socket.io",
    "/vendor": _HERE / "vendor",
}


def mount(app: FastAPI) -> None:
    """Serve the folders of files. Include the routers first: a mount takes all that is below it."""
    for path, folder in _FOLDERS.items():
        app.mount(path, Folder(directory=folder))


class Page(FileResponse):
    """A file, always the whole of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await super().__call__(_whole(scope), receive, send)


class Folder(StaticFiles):
    """Files, always the whole of each."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await super().__call__(_whole(scope), receive, send)


def _whole(scope: Scope) -> Scope:
    """Pass over a Range header, as a server may (RFC 9110, 14.2): the files are small, and what the
    library answers to a bad one is no problem document."""
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"range"]}


@router.get("/")
async def index(session: SessionDep) -> Page:
    """Show the whole thing at work; opens a session."""
    return Page(_PAGES / "index.html")


@router.get("/docs")
async def http_docs() -> Page:
    """Show the OpenAPI document; trying it out works with the browser's own cookie."""
    return Page(_PAGES / "docs.html")


@router.get("/docs/events")
async def event_docs() -> Page:
    """Show the AsyncAPI document."""
    return Page(_PAGES / "events.html")
