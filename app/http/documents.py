"""The OpenAPI document: error answers, and the cookie under the name that it has here."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from app.problems import MEDIA_TYPE


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Stable name of the problem.", examples=["session-ended"])
    title: str = Field(description="The same for every problem of this type.")
    status: int = Field(description="The HTTP status.", examples=[409])
    detail: str = Field(description="What happened this time.")


def problem_answer(description: str) -> dict[str, Any]:
    """Describe an error answer of a route."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


ENDED = problem_answer("`session-ended`: the cookie names a session that was ended on purpose.")
UNAVAILABLE = problem_answer("`store-unavailable`: try again after `Retry-After` seconds.")


def describe(app: FastAPI, cookie_name: str) -> None:
    """Complete the generated document: the problem schema, and the cookie's real name."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["ProblemDocument"] = (
            ProblemDocument.model_json_schema()
        )
        components["securitySchemes"]["session"]["name"] = cookie_name
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it
