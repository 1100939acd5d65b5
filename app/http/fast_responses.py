"""What FastAPI makes of the result of an endpoint: the response that its own route would send."""

from collections.abc import Awaitable, Mapping
from typing import Any

from fastapi import routing
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import ResponseValidationError
from fastapi.utils import is_body_allowed_for_status_code
from starlette.responses import Response
from starlette.types import Scope


class ResponseMaker:
    """Makes a response of an endpoint's result, as the route's handler does."""

    def __init__(self, cells: Mapping[str, Any]) -> None:
        self._dependant: Dependant = cells["dependant"]
        self._status: int | None = cells["status_code"]
        self._class = cells["actual_response_class"]
        placeholder = isinstance(cells["response_class"], DefaultPlaceholder)
        self._field = cells["response_field"]
        self.is_json = self._field is not None and placeholder
        """Whether it is JSON and nothing else; FastAPI has no such route for a status without a body."""
        self._context: Any = None
        self._options = {
            "include": cells["response_model_include"],
            "exclude": cells["response_model_exclude"],
            "by_alias": cells["response_model_by_alias"],
            "exclude_unset": cells["response_model_exclude_unset"],
            "exclude_defaults": cells["response_model_exclude_defaults"],
            "exclude_none": cells["response_model_exclude_none"],
        }

    def json(self, result: Any, scope: Scope) -> bytes:
        """Return a result as JSON, as `serialize_response` does.

        Raises:
            ResponseValidationError: the result is not what the route says.
        """
        value, errors = self._field.validate(result, {}, loc=("response",))
        if errors:
            context = self._endpoint_context(scope)
            raise ResponseValidationError(errors=errors, body=result, endpoint_ctx=context)
        text: bytes = self._field.serialize_json(value, **self._options)
        return text

    def content(self, result: Any, scope: Scope) -> Awaitable[Any]:
        """Return what makes a result fit for JSON, to be awaited.

        Raises:
            ResponseValidationError: the result is not what the route says.
        """
        return routing.serialize_response(
            field=self._field,
            response_content=result,
            endpoint_ctx=self._endpoint_context(scope),
            **self._options,
        )

    def of(self, content: Any) -> Response:
        """Return the response with a content."""
        status: dict[str, Any] = {"status_code": self._status} if self._status else {}
        response: Response = self._class(content, background=None, **status)
        if not is_body_allowed_for_status_code(response.status_code):
            response.body = b""
        return response

    def _endpoint_context(self, scope: Scope) -> Any:
        """Return what the message of a ResponseValidationError says of the endpoint."""
        root_path = scope.get("root_path", "").rstrip("/")
        if root_path or self._context is None:
            context = routing._extract_endpoint_context(self._dependant.call)
            context["path"] = f"{scope['method']} {root_path}{self._dependant.path}"
            if root_path:
                return context
            self._context = dict(context)
        return self._context
