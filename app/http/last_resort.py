"""What becomes of an error that nobody expected."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problems import INTERNAL_ERROR

logger = logging.getLogger(__name__)


class LastResort:
    """Logs what an HTTP app raises, and answers 500 if it has not answered yet.

    Starlette answers such an error and raises it all the same, upon which the server closes the
    connection without a word: the next request of a client that keeps connections open is lost.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if not started:
                await INTERNAL_ERROR.answer(scope, send)
