"""An OpenID Connect provider's keys, the server that publishes them, and the tokens that it signs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from jwt.algorithms import ECAlgorithm

from tests.support.in_thread import in_thread

CLIENT = "notes"
EVENTS: dict[str, object] = {"http://schemas.openid.net/event/backchannel-logout": {}}


class Provider:
    """A provider. `rotate_key` replaces its key; the old one is published no longer."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.rotate_key()

    def rotate_key(self) -> None:
        """Sign by a new key from now on."""
        self.kid = uuid4().hex
        self._key = generate_private_key(SECP256R1())

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key, as a JSON Web Key Set."""
        key: dict[str, Any] = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [key | {"kid": self.kid, "alg": "ES256", "use": "sig"}]}

    def claims(self, **changes: object) -> dict[str, Any]:
        """Return the claims of a logout token; a change to None takes one away."""
        now = time.time()
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120}
        claims |= {"jti": uuid4().hex, "sub": "ann", "events": EVENTS} | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: object) -> str:
        """Return a signed logout token."""
        return self.sign(self.claims(**changes))

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign any claims."""
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self.kid})


@contextmanager
def published() -> Iterator[Provider]:
    """Run a provider that publishes its keys under `/jwks`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(provider.jwks).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        provider = Provider(f"http://127.0.0.1:{port}")
        yield provider


def app_of(provider: Provider) -> FastAPI:
    """Return the provider's own app: a code for whoever comes, and tokens for the code."""
    app = FastAPI()
    nonces: dict[str, str] = {}

    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": provider.issuer,
            "authorization_endpoint": f"{provider.issuer}/authorize",
            "token_endpoint": f"{provider.issuer}/token",
            "jwks_uri": f"{provider.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return provider.jwks

    @app.get("/authorize")
    async def authorize(redirect_uri: str, state: str, nonce: str) -> RedirectResponse:
        code = uuid4().hex
        nonces[code] = nonce
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}")

    @app.post("/token")
    async def token(request: Request) -> dict[str, Any]:
        form = parse_qs((await request.body()).decode())
        now = time.time()
        claims = {"iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 120}
        claims |= {"sub": "ann", "sid": "s-1", "nonce": nonces.pop(form["code"][0])}
        return {
            "access_token": uuid4().hex,
            "token_type": "Bearer",
            "id_token": provider.sign(claims),
        }

    return app
