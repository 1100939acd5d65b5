"""The browser's Socket.IO client, served as the Node server serves it."""

import gzip
import re
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..asgi.headers import accepted_coding, get_header
from .static import VENDOR

_FOLDER = VENDOR / "socket.io"
_SUFFIXES = {".js": "javascript", ".map": "json"}
_BANNER = re.compile(rb"Socket\.IO v(\d+\.\d+\.\d+)")
_GZIP = {b"gzip"}


class ClientFiles:
    """The files of the client, its source maps too, by their names.

    Their ETag is the client's version, so that a browser gets one anew when the client was updated.
    """

    def __init__(self) -> None:
        self._files = {
            file.name: file for file in sorted(_FOLDER.iterdir()) if file.suffix in _SUFFIXES
        }
        [version] = _BANNER.findall((_FOLDER / "socket.io.js").read_bytes()[:200])
        self._etag = f'"{version.decode()}"'

    @property
    def names(self) -> frozenset[str]:
        """The names of all files."""
        return frozenset(self._files)

    async def respond(self, request: Request, name: str) -> Response:
        """Return the response with one of the files.

        Raises:
            HTTPException: 405, for a method other than GET and HEAD.
        """
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"allow": "GET, HEAD"})
        headers = {"cache-control": "public, max-age=0", "etag": self._etag}
        headers["vary"] = "Accept-Encoding"
        if self._is_known(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        accepted = get_header(request.scope, b"accept-encoding") or b""
        packed = accepted_coding(accepted, _GZIP) is not None
        if packed:
            headers["content-encoding"] = "gzip"
        file = self._files[name]
        headers["content-type"] = f"application/{_SUFFIXES[file.suffix]}; charset=utf-8"
        body = await run_in_threadpool(_read, file, packed=packed)
        headers["content-length"] = str(len(body))
        return Response(None if request.method == "HEAD" else body, headers=headers)

    def _is_known(self, if_none_match: str) -> bool:
        known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
        return not known.isdisjoint({self._etag, "*"})


@lru_cache(maxsize=32)
def _read(file: Path, *, packed: bool) -> bytes:
    content = file.read_bytes()
    return gzip.compress(content, mtime=0) if packed else content
