"""Files that browsers load: the page at `/`, and the Socket.IO client as the Node server serves it."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from app.http.dependencies import SessionDep

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
_PAGE = _HERE / "page"
_VENDOR = _HERE / "vendor"
_REVALIDATE = {"cache-control": "no-cache"}


@router.get("/")
async def index(session: SessionDep) -> FileResponse:
    """Show the whole thing at work; opens a session."""
    return FileResponse(_PAGE / "index.html")


@router.get("/page/{name}")
async def page_file(name: str) -> FileResponse:
    """Serve the page's script and style."""
    return _file(_PAGE, name)


@router.get("/socket.io/{name}")
async def client_bundle(name: str) -> FileResponse:
    """Serve the browser client and its source maps."""
    return _file(_VENDOR, name)


def _file(folder: Path, name: str) -> FileResponse:
    """Serve one of a folder's own files; a name that is not among them is not found."""
    if name not in _FILES[folder]:
        raise HTTPException(404)
    return FileResponse(folder / name, headers=_REVALIDATE)


_FILES = {folder: frozenset(file.name for file in folder.iterdir()) for folder in (_PAGE, _VENDOR)}
