"""The OpenAPI document says which routes want a sign-in, and what carries a session."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI

from app import Mooring, OptionalSessionDep, SessionDep, UserDep, recent_sign_in
from tests.mooring.test_attach import settings

MARKED = [("get", "/me"), ("get", "/below"), ("get", "/prefix/of-a-router"), ("post", "/strict")]


async def account(user: UserDep) -> str:
    """Return what needs a user two steps away."""
    return user


async def for_users(_user: UserDep) -> None:
    """Answer whoever is signed in."""


async def below(_account: Annotated[str, Depends(account)]) -> None:
    """Answer whoever is signed in, by a dependency."""


async def anybody(_session: OptionalSessionDep) -> None:
    """Answer anybody."""


async def opens(_session: SessionDep) -> None:
    """Open a session."""


async def nothing() -> None:
    """Use no session."""


def product(**changes: Any) -> dict[str, Any]:
    """Return the document of an app with a route of each kind."""
    app = FastAPI()
    mooring = Mooring(app, settings(**changes))
    for each in (below, anybody, opens, nothing):
        app.add_api_route(f"/{each.__name__}", each)
    app.add_api_route("/me", for_users)
    app.add_api_route("/described", for_users, responses={401: {"description": "Its own."}})
    strict = [Depends(recent_sign_in(minutes=2.5))]
    app.add_api_route("/strict", nothing, methods=["POST"], dependencies=strict)
    router = APIRouter(prefix="/prefix", dependencies=[Depends(account)])
    router.add_api_route("/of-a-router", nothing)
    for each_router in (router, mooring.devices_router(recent_minutes=3), mooring.session_router()):
        app.include_router(each_router)
    document = app.openapi()
    assert "mooring: " not in str(document)
    return document


@pytest.mark.parametrize(("method", "path"), [*MARKED, ("get", "/devices"), ("delete", "/devices")])
def test_a_route_that_needs_a_user_says_so(method: str, path: str) -> None:
    operation = product()["paths"][path][method]

    example = operation["responses"]["401"]["content"]["application/problem+json"]["example"]
    assert example["type"] == "sign-in-required"
    assert operation["security"] == [{"session": []}, {}]


@pytest.mark.parametrize(("path", "minutes"), [("/strict", "2.5"), ("/devices", "3")])
def test_a_route_that_wants_a_recent_sign_in_says_how_recent(path: str, minutes: str) -> None:
    [operation] = [
        each for method, each in product()["paths"][path].items() if method in ("post", "delete")
    ]

    described = operation["responses"]["403"]
    assert f"{minutes} minutes" in described["description"]
    examples = described["content"]["application/problem+json"]["examples"]
    assert set(examples) == {"recent-sign-in-required", "foreign-origin"}
    assert all(each["value"]["type"] == name for name, each in examples.items())


def test_all_others_do_not_and_what_a_route_says_itself_stays() -> None:
    paths = product()["paths"]

    for path in ("/anybody", "/opens", "/nothing"):
        assert {"401", "403"}.isdisjoint(paths[path]["get"]["responses"])
    assert paths["/described"]["get"]["responses"]["401"] == {"description": "Its own."}


def test_a_token_is_a_scheme_where_there_are_tokens() -> None:
    document = product(session_tokens=True)

    scheme = document["components"]["securitySchemes"]["sessionToken"]
    assert (scheme["in"], scheme["name"]) == ("header", "X-Session-Token")
    for path in ("/me", "/opens", "/anybody"):
        operation = document["paths"][path]["get"]
        assert operation["security"] == [{"session": []}, {"sessionToken": []}, {}]
        assert "X-Session-Token" in operation["responses"]["200"]["headers"]
    assert "security" not in document["paths"]["/nothing"]["get"]
    assert "oken" not in str(product()["components"]["securitySchemes"])
