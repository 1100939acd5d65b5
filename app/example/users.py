"""Sign-in by name: the example's own, without a password. What a product has in its place is its own, too."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from .. import OptionalSessionDep, SessionDep

MAX_NAME_LENGTH = 40

router = APIRouter(tags=["user"])

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_LENGTH)
]


class SignIn(BaseModel):
    """Who somebody says to be."""

    name: Name = Field(
        description="Any name; everybody is believed.",
        examples=["ann"],
        json_schema_extra={"pattern": r"\S"},  # nothing is left of blanks alone
    )


class UserView(BaseModel):
    """Who is signed in."""

    user: str | None = Field(description="The name; null if nobody is.", examples=["ann"])


def _problem(status: int, kind: str, title: str, detail: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of a response that FastAPI makes, as this app's problem documents have it."""
    example = {"type": kind, "title": title, "status": status, "detail": detail}
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    content = {"application/problem+json": {"schema": schema, "example": example}}
    return {status: {"description": f"`{kind}`: {detail}", "content": content}}


@router.post(
    "/sign-in",
    summary="Sign in by name",
    response_description="Who is signed in, under a new id.",
    responses=_problem(400, "bad-request", "Bad Request", "There was an error parsing the body")
    | _problem(422, "invalid-request", "The request is invalid", "body: Field required"),
)
async def sign_in(who: SignIn, session: SessionDep) -> UserView:
    """Sign in without a password, as it is an example: the session moves to a new id, its data stay.

    Somebody else has to be signed out first, by `POST /logout`.
    """
    await session.sign_in(who.name)
    return UserView(user=session.user)


@router.get("/user", summary="Show who is signed in", response_description="Who is signed in.")
async def view_user(session: OptionalSessionDep) -> UserView:
    """Return who is signed in; opens no session."""
    return UserView(user=None if session is None else session.user)
