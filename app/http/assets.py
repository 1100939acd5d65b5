"""Files that browsers load: our pages, and the browser code of others."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

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
        app.mount(path, StaticFiles(directory=folder))


@router.get("/")
async def index(session: SessionDep) -> FileResponse:
    """Show the whole thing at work; opens a session."""
    return FileResponse(_PAGES / "index.html")


@router.get("/docs")
async def http_docs() -> FileResponse:
    """Show the OpenAPI document; trying it out works with the browser's own cookie."""
    return FileResponse(_PAGES / "docs.html")


@router.get("/docs/events")
async def event_docs() -> FileResponse:
    """Show the AsyncAPI document."""
    return FileResponse(_PAGES / "events.html")
