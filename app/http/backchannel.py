"""Logout tokens of OpenID Connect Back-Channel Logout 1.0. Importing this needs the extra `oidc`."""

import asyncio
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from typing import Any, NamedTuple

import jwt
from jwt import PyJWK, PyJWKClient, PyJWKSet
from token_bucket import Limiter, MemoryStorage

from ..sessions.sign_in import is_unicode

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
"""Signatures by a provider's key pair. Never `none`, nor one by a shared secret."""
_LEEWAY_SECONDS = 30.0
OLDEST_SECONDS = 600.0
"""How long ago a token may have been issued: for so long, and no longer, its `jti` is remembered."""
_FETCH_TIMEOUT_SECONDS = 5
_FAILURE_SECONDS = 1.0
"""How long the provider is not asked again after a failure."""
_REFRESHES_PER_MINUTE = 10


class LogoutTokenError(Exception):
    """The token is none that the provider has signed for this client; the message says why."""


class ProviderUnavailableError(Exception):
    """The provider's keys cannot be fetched."""


class LogoutToken(NamedTuple):
    """What a valid token says.

    Attributes:
        issuer: the provider.
        subject: its id of the user; None if the token names a session alone.
        sid: its id of the session; None if the token ends all sessions of the user.
        jti: the token's own id.
    """

    issuer: str
    subject: str | None
    sid: str | None
    jti: str


class LogoutTokenVerifier:
    """Verifies the tokens of one provider, by its keys.

    Args:
        issuer: the provider, as in its tokens.
        client_id: this client there, as in `aud`.
        jwks: the URL of the provider's keys (`jwks_uri`), fetched again for a key that is not known; or
            the keys themselves, a JSON Web Key Set.
    """

    def __init__(self, issuer: str, client_id: str, jwks: str | Mapping[str, Any]) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = _Published(jwks) if isinstance(jwks, str) else _Given(jwks)

    async def verify(self, token: str) -> LogoutToken:
        """Return what a token says (OpenID Connect Back-Channel Logout 1.0, 2.6).

        Raises:
            LogoutTokenError: it is not valid.
            ProviderUnavailableError: the provider's keys cannot be fetched.
        """
        try:
            key = await self._key(token)
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._client_id,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "iat", "exp", "jti"]},
            )
        except (jwt.PyJWTError, RecursionError) as error:
            raise LogoutTokenError(str(error)) from error
        return _logout_of(claims)

    async def _key(self, token: str) -> PyJWK:
        kid = jwt.get_unverified_header(token).get("kid")
        key = _key_of(await self._keys.get(), kid) or _key_of(await self._keys.refresh(), kid)
        if key is None:
            raise LogoutTokenError("no key of the provider has the token's kid")
        return key


class _Given:
    """Keys that do not change."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self._keys = PyJWKSet.from_dict(dict(jwks)).keys

    async def get(self) -> list[PyJWK]:
        return self._keys

    async def refresh(self) -> list[PyJWK]:
        return self._keys


class _Published:
    """Keys at a URL, fetched by one request at a time, in a thread of their own.

    Tokens of anybody's making do not cause more than a few requests a minute, and take no thread of the app's
    while the provider hangs.
    """

    def __init__(self, url: str) -> None:
        self._client = PyJWKClient(url, timeout=_FETCH_TIMEOUT_SECONDS)
        self._limiter = Limiter(_REFRESHES_PER_MINUTE / 60, _REFRESHES_PER_MINUTE, MemoryStorage())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="provider's keys")
        self._failure = ""
        self._failed_at = -math.inf

    async def get(self) -> list[PyJWK]:
        return await self._in_the_thread(refresh=False)

    async def refresh(self) -> list[PyJWK]:
        return await self._in_the_thread(refresh=self._limiter.consume("keys"))

    async def _in_the_thread(self, *, refresh: bool) -> list[PyJWK]:
        fetch = partial(self._fetch, refresh=refresh)
        return await asyncio.get_running_loop().run_in_executor(self._thread, fetch)

    def _fetch(self, *, refresh: bool) -> list[PyJWK]:
        """Return the keys, cached ones as a rule; raise ProviderUnavailableError if they cannot be had."""
        if (
            time.monotonic() - self._failed_at < _FAILURE_SECONDS
        ):  # those who have waited fail as well
            raise ProviderUnavailableError(self._failure)
        try:
            return self._client.get_signing_keys(refresh=refresh)
        # A page that says that it is under maintenance is no key set, either; and of what breaks a connection
        # PyJWT knows some.
        except (jwt.PyJWTError, OSError, HTTPException, ValueError, RecursionError) as error:
            self._failure, self._failed_at = str(error), time.monotonic()
            raise ProviderUnavailableError(self._failure) from error


def _key_of(keys: list[PyJWK], kid: object) -> PyJWK | None:
    found = [each for each in keys if kid is None or each.key_id == kid]
    return found[0] if len(found) == 1 else None


def _logout_of(claims: dict[str, Any]) -> LogoutToken:
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise LogoutTokenError("the claim `events` has no back-channel logout")
    if "nonce" in claims:
        raise LogoutTokenError("a logout token has no `nonce`: this may be an ID token")
    if time.time() - int(claims["iat"]) > OLDEST_SECONDS:  # PyJWT takes the digits of a string, too
        raise LogoutTokenError("the token was issued too long ago")
    subject, sid, jti = (_text(claims, name) for name in ("sub", "sid", "jti"))
    if jti is None:
        raise LogoutTokenError("the token has no `jti`")
    if subject is None and sid is None:
        raise LogoutTokenError("the token has neither `sub` nor `sid`")
    return LogoutToken(claims["iss"], subject, sid, jti)


def _text(claims: dict[str, Any], name: str) -> str | None:
    """Return a claim that is a string of Unicode if it is there; raise LogoutTokenError if it is none."""
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or not is_unicode(value):
        raise LogoutTokenError(f"the claim `{name}` is no string, or an empty one")
    return value
