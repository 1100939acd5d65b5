"""Mooring takes no schema out of an app's OpenAPI document but those whose last mention it has replaced."""

from fastapi import FastAPI

from app import Mooring


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/twice")
    async def first(number: int) -> int:
        return number

    @app.get("/twice", operation_id="second")
    async def second() -> int:
        return 2

    return app


def test_a_schema_of_a_route_that_another_one_hides_in_the_document_stays() -> None:
    plain, attached = _app(), _app()
    Mooring(attached)

    schemas = plain.openapi()["components"]["schemas"]

    assert "HTTPValidationError" in schemas
    assert attached.openapi()["components"]["schemas"].keys() >= schemas.keys()
