"""CORS, whose refusals can be found."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from ...asgi.refusals import Refusal, refused

_BAD_REQUEST = 400


class FindableCORSMiddleware(CORSMiddleware):
    """Starlette's, which answers preflights that it refuses with 400 and says so nowhere."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer to a preflight."""
        response = super().preflight_response(request_headers)
        if response.status_code >= _BAD_REQUEST:
            refused(
                Refusal.PREFLIGHT,
                origin=request_headers.get("origin"),
                method=request_headers.get("access-control-request-method"),
                headers=request_headers.get("access-control-request-headers"),
            )
        return response
