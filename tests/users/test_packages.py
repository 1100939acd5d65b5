"""Packages that keep what they know in `request.session` keep it in Mooring's session."""

from typing import Any

import httpx2
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped] # it has no types
from fastapi import FastAPI, Request
from fastapi.responses import Response
from sqladmin import Admin, ModelView
from sqladmin.authentication import AuthenticationBackend
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app import Mooring, SessionDep, UserDep
from tests.mooring.test_attach import client_of, settings
from tests.support.http import set_cookies
from tests.users.provider import CLIENT, Provider, app_of


def _client_of(provider: Provider, their_app: FastAPI) -> FastAPI:
    app = FastAPI()
    mooring = Mooring(app, settings(), request_session=True)
    oauth: Any = OAuth()
    oauth.register(
        "provider",
        client_id=CLIENT,
        client_secret="a secret",
        server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid", "transport": httpx2.ASGITransport(their_app)},
    )

    @app.get("/login")
    async def login(request: Request) -> Response:
        answer: Response = await oauth.provider.authorize_redirect(request, "http://test/callback")
        return answer

    @app.get("/callback")
    async def callback(request: Request, session: SessionDep) -> str:
        token = await oauth.provider.authorize_access_token(request)
        claims: dict[str, Any] = token["userinfo"]
        await session.sign_in(claims["sub"], oidc=claims)
        return str(claims["sub"])

    @app.get("/me")
    async def me(user: UserDep) -> str:
        return user

    app.include_router(mooring.backchannel_logout_router(provider.issuer, CLIENT, provider.jwks))
    return app


async def test_a_login_by_authlib_and_the_provider_s_logout() -> None:
    provider = Provider("http://provider")
    their_app = app_of(provider)
    app = _client_of(provider, their_app)
    async with client_of(app) as browser, client_of(their_app) as there:
        to_provider = await browser.get("/login")
        assert to_provider.status_code == 302
        before = browser.cookies["session"]
        back = await there.get(to_provider.headers["location"])

        assert (await browser.get(back.headers["location"])).json() == "ann"

        assert (await browser.get("/me")).json() == "ann"
        assert browser.cookies["session"] != before
        token = {"logout_token": provider.token(sid="s-1")}
        async with client_of(app) as called:
            assert (await called.post("/backchannel-logout", data=token)).status_code == 200
        assert (await browser.get("/me")).status_code == 401


async def test_an_answer_of_the_provider_that_nobody_asked_for_is_refused() -> None:
    provider = Provider("http://provider")
    their_app = app_of(provider)
    app = _client_of(provider, their_app)
    async with (
        client_of(app, raises=False) as browser,
        client_of(app) as thief,
        client_of(their_app) as there,
    ):
        asked = await thief.get("/login")
        back = await there.get(asked.headers["location"])

        assert (await browser.get(back.headers["location"])).status_code == 500
        assert (await browser.get("/me")).status_code == 401


class _Base(DeclarativeBase):
    pass


class _Note(_Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)


class _NoteView(ModelView, model=_Note):
    column_list = ("id",)


class _Login(AuthenticationBackend):
    """As sqladmin's documentation has it, without its own session middleware."""

    def __init__(self) -> None:
        super().__init__(secret_key="unused")
        self.middlewares = []

    async def login(self, request: Request) -> bool:
        form = await request.form()
        request.session.update({"token": str(form["username"])})
        return True

    async def logout(self, request: Request) -> bool:
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> bool:
        return "token" in request.session


async def test_sqladmin_s_login_is_in_the_session() -> None:
    app = FastAPI()
    Mooring(app, settings(), request_session=True)
    engine = create_engine("sqlite://")
    _Base.metadata.create_all(engine)
    Admin(app, engine, authentication_backend=_Login()).add_view(_NoteView)

    @app.get("/token")
    async def token(session: SessionDep) -> str | None:
        found: str | None = session.get("token")
        return found

    async with client_of(app) as admin:
        refused = await admin.get("/admin/")
        assert refused.status_code == 302
        assert not set_cookies(refused)
        form = {"username": "ann", "password": "any"}
        assert (await admin.post("/admin/login", data=form)).status_code == 302
        assert (await admin.get("/admin/")).status_code == 200
        assert (await admin.get("/token")).json() == "ann"
        await admin.get("/admin/logout")
        assert (await admin.get("/admin/")).status_code == 302
