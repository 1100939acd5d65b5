"""POST /backchannel-logout. Importing this needs the extra `oidc`."""

from collections.abc import Mapping
from typing import Annotated, Any, Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response

from ...asgi.problems import Problem
from ..backchannel import LogoutTokenError, LogoutTokenVerifier, ProviderUnavailableError
from ..openapi import UNAVAILABLE, response
from ..sign_in import users

_LARGEST_BODY = 20_000
INVALID_LOGOUT_TOKEN = Problem(
    400,
    "invalid-logout-token",
    "The logout token is not valid",
    "The request has no logout token that the provider has signed for this client.",
    extra={"error": "invalid_request"},
)
PROVIDER_UNAVAILABLE = Problem(
    503,
    "provider-unavailable",
    "The provider's keys cannot be fetched",
    "The signature cannot be verified for want of the provider's keys; try again.",
    headers={"retry-after": "5"},
)
_BODY = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["logout_token"],
                "properties": {"logout_token": {"type": "string", "description": "A signed JWT."}},
            }
        }
    },
}


class ProviderSessions(Protocol):
    """What the route asks of Users."""

    async def end_provider_sessions(
        self, issuer: str, subject: str | None, sid: str | None, *, once: str
    ) -> int | None:
        """End what came of a provider's session; None if this very logout was done before."""


UsersDep = Annotated[ProviderSessions, Depends(users)]


def backchannel_logout_router(
    issuer: str, client_id: str, jwks: str | Mapping[str, Any]
) -> APIRouter:
    """Return the route by which a provider ends the sessions that came of one of its own."""
    router = APIRouter(tags=["session"])
    verifier = LogoutTokenVerifier(issuer, client_id, jwks)

    async def backchannel_logout(request: Request, users: UsersDep) -> Response:
        """End the sessions that came of a session at the provider, or all of its user (OpenID Connect)."""
        try:
            token = await verifier.verify(await _logout_token(request))
        except LogoutTokenError as error:
            return _answer(INVALID_LOGOUT_TOKEN, str(error))
        except ProviderUnavailableError as error:
            return _answer(PROVIDER_UNAVAILABLE, str(error))
        ended = await users.end_provider_sessions(
            token.issuer, token.subject, token.sid, once=token.jti
        )
        if ended is None:
            return _answer(INVALID_LOGOUT_TOKEN, "the token was used before")
        return Response(status_code=200, headers={"cache-control": "no-store"})

    router.add_api_route(
        "/backchannel-logout",
        backchannel_logout,
        methods=["POST"],
        summary="End the sessions of a user of the provider",
        response_description="They have ended, and their sockets are disconnected.",
        response_class=Response,
        responses={
            **response(INVALID_LOGOUT_TOKEN, "the token is not valid, or was used before."),
            **response(PROVIDER_UNAVAILABLE, "the provider's keys cannot be fetched."),
            **UNAVAILABLE,
        },
        openapi_extra={"requestBody": _BODY},
    )
    return router


async def _logout_token(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise LogoutTokenError("the request's body is too large")
    tokens = parse_qs(body.decode("latin-1")).get("logout_token", [])
    if len(tokens) != 1:
        raise LogoutTokenError("the body has not one field `logout_token`")
    return tokens[0]


def _answer(problem: Problem, reason: str) -> Response:
    problem.note(reason=reason)
    return problem.response()
