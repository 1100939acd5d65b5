"""The documentation pages, complete without internet: HTTP routes, and socket events."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from .static import PAGES, VENDOR, Folder

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page of routes is others' code, which styles by attribute."""


def docs_routes(
    app: FastAPI, asyncapi: Callable[[str], dict[str, Any]], socket_path: str
) -> list[BaseRoute]:
    """Return the routes of the pages, of what they load, and of the AsyncAPI document.

    All that pages load they find by relative URLs, so that no proxy's prefix has to be known.

    Args:
        app: the app that they describe.
        asyncapi: returns the document for the root path of a request.
        socket_path: of the Socket.IO server, which has the browser's client.
    """

    async def http_docs(_request: Request) -> Response:
        openapi_url = (app.openapi_url or "/openapi.json").lstrip("/")
        return _page("docs.html", title=app.title, openapi_url=openapi_url)

    async def event_docs(_request: Request) -> Response:
        path = socket_path.strip("/")
        return _page("events.html", title=app.title, socket_path=path)

    async def asyncapi_document(request: Request) -> Response:
        return JSONResponse(asyncapi(request.scope.get("root_path", "")))

    return [
        Route("/docs", http_docs, include_in_schema=False),
        Route("/docs/events", event_docs, include_in_schema=False),
        Route("/asyncapi.json", asyncapi_document, include_in_schema=False),
        Mount("/docs/assets/swagger-ui", Folder(directory=VENDOR / "swagger-ui")),
        Mount("/docs/assets", Folder(directory=PAGES)),
    ]


def _page(name: str, **values: str) -> Response:
    text = (PAGES / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", _escape(value))
    return HTMLResponse(text, headers={"content-security-policy": _POLICY})


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
