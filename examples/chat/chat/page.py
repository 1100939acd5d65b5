"""The page: what `npm run build` in web/ has made, with a policy that lets in nothing from elsewhere."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

FOLDER = Path(__file__).with_name("page")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Page(StaticFiles):
    """Static files; those with a hash in their name are kept by browsers."""

    async def get_response(self, path: str, scope: Any) -> Response:
        """Return a file with its headers."""
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = "max-age=31536000, immutable" if hashed else "no-cache"
        return response


def install(app: FastAPI) -> None:
    """Serve the page for every path that is nothing else; it comes last."""
    app.mount("/", Page(directory=FOLDER, html=True, check_dir=False), name="page")
