"""What is known of the client of a request, for the list of its user's devices."""

from starlette.types import Scope

from ..asgi.headers import get_header
from ..sessions import Visitor

_LONGEST_USER_AGENT = 512
_UNKNOWN = "Other"


def visitor(scope: Scope, *, keep_address: bool) -> Visitor:
    """Return what a request says of its client."""
    given = get_header(scope, b"user-agent")
    client = scope.get("client") if keep_address else None
    return Visitor(
        None if given is None else label_of(given.decode("latin-1")),
        None if client is None else client[0],
    )


def label_of(user_agent: str) -> str | None:
    """Return what a list of devices calls a User-Agent, as in `Firefox on Linux`; None if it is unknown."""
    # Imported at the first sign-in: its thousand patterns take a while.
    from ua_parser import parse  # noqa: PLC0415 - as above

    found = parse(user_agent[:_LONGEST_USER_AGENT])
    browser = None if found.user_agent is None else found.user_agent.family
    system = None if found.os is None else found.os.family
    known = [each for each in (browser, system) if each and each != _UNKNOWN]
    return " on ".join(known) or None
