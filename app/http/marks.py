"""What a dependency says of the routes that ask for it, in the OpenAPI document.

FastAPI alone knows which routes have which dependencies, by every router, prefix and mount; what it says of
them are their security schemes. So these are written as such, read from the document, and taken out of it.
"""

from typing import Any

from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase

_PREFIX = "mooring: "


class Mark(SecurityBase):
    """A remark on the routes of a dependency that has it as a `Security`; every request passes.

    Args:
        what: what is remarked.
        minutes: how long ago a sign-in may be, for RECENT_SIGN_IN.
    """

    def __init__(self, what: str, minutes: float | None = None) -> None:
        self.scheme_name = f"{_PREFIX}{what}" + ("" if minutes is None else f" {minutes:g}")
        self.model = APIKey(**{"in": APIKeyIn.cookie}, name=self.scheme_name)

    async def __call__(self) -> None:
        """Accept the request."""


SIGN_IN = "sign-in"
RECENT_SIGN_IN = "recent-sign-in"


def take_marks(operation: dict[str, Any]) -> dict[str, float | None]:
    """Return the marks of an operation, with their minutes, and take them out of it."""
    found: dict[str, float | None] = {}
    kept = []
    for requirement in operation.get("security", ()):
        name = next(iter(requirement), "")
        if name.startswith(_PREFIX):
            what, _, minutes = name.removeprefix(_PREFIX).partition(" ")
            found[what] = float(minutes) if minutes else None
        else:
            kept.append(requirement)
    if found:
        operation["security"] = kept
    return found


def drop_marks(document: dict[str, Any]) -> None:
    """Take the marks out of the schemes of a document."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    for name in [each for each in schemes if each.startswith(_PREFIX)]:
        del schemes[name]
