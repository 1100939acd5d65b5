"""How often one user, or one session, may send an event. Importing this needs the extra `limits`."""

from hashlib import sha256

from limits import parse_many

from ..sessions import Record
from ..sessions.ids import user_name
from ..sessions.sign_in import user_of
from .counters import Counters
from .event_error import EventError

_LONGEST_SECONDS = 366 * 24 * 3600


class EventLimit:
    """A limit as `limits` writes it: `20/minute`, `5 per 10 seconds`, `2/second; 100/hour`.

    Args:
        text: the limit.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._items = [(item.amount, item.get_expiry(), str(item)) for item in parse_many(text)]
        if any(amount < 1 or seconds < 1 for amount, seconds, _ in self._items):
            raise ValueError("a limit of nothing")
        if any(seconds > _LONGEST_SECONDS for _, seconds, _ in self._items):
            raise ValueError("a limit over more than a year")

    async def check(
        self, counters: Counters, event: str, namespace: str, key: str, record: Record
    ) -> None:
        """Count an event of a session's user, or of the session if nobody is signed in.

        Raises:
            EventError: there have been too many.
            BusUnavailableError: it cannot be counted.
        """
        user = user_of(record.owner)
        sender = f"session {key}" if user is None else f"user {user_name(user)}"
        for amount, seconds, text in self._items:
            name = sha256(f"{namespace}\0{event}\0{text}\0{sender}".encode()).hexdigest()
            window = await counters.add(name, seconds)
            if window.count > amount:
                raise EventError(
                    "rate-limited",
                    f"{event!r:.80} may be sent {self.text}.",
                    retry_after=round(max(0.001, window.seconds_left), 3),
                )
