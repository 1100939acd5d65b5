"""What a session's handle is used for, as far as it decides what may be done with it."""

from collections.abc import Callable
from typing import NamedTuple

from .models import Record
from .once import Steps


class Visitor(NamedTuple):
    """What is known of the client of a request.

    Attributes:
        label: what a list of devices may call it.
        address: its address, None if none is to be kept.
    """

    label: str | None = None
    address: str | None = None


class Usage:
    """One request, handshake or event, which has a handle of its own.

    Attributes:
        extends: its writes extend the session's idle deadline in the same step.
        answered: its response has started: no cookie can follow.
        over: it is over: nobody stores plain writes any more.
        refused: its visitor was refused, and the session that it had opened is deleted.
        record: the newest record that the handle has seen.
        visitor: returns what is known of the client.
        idempotent: its session may not rotate: a repeat has to find it.
        steps: names its transactions if it takes effect once, else None.
    """

    answered = over = refused = idempotent = False
    record: Record | None = None
    visitor: Callable[[], Visitor] = Visitor

    def __init__(
        self,
        *,
        extends: bool = False,
        steps: Steps | None = None,
    ) -> None:
        self.extends = extends
        self.steps = steps

    def before_destroy(self) -> None:
        """Do what has to come before the handle ends its session: here nothing."""
