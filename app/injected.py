"""What a dependency gives to a route: annotated by its class alone it is taken for a field of the request."""

from typing import Any

from .article import with_article


class Injected:
    """Base of what has an annotation of its own, `SessionDep` for a Session."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return Pydantic's schema, for a model that allows arbitrary types.

        Raises:
            TypeError: they are not allowed, as where FastAPI makes a field of the parameter of a route.
        """
        from pydantic.errors import PydanticSchemaGenerationError  # noqa: PLC0415 - who asks has it

        try:
            return handler(source)
        except PydanticSchemaGenerationError as error:
            raise TypeError(
                f"{with_article(cls)} is no field of a request or a response: "
                f"annotate the parameter with {cls.__name__}Dep"
            ) from error
