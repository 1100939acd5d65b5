"""What a list of devices shows."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UserSession:
    """A live session of a user.

    Attributes:
        key: its session key, which is no secret; `end_session` takes it. It changes by `rotate`.
        label: what `sign_in` was given, or made of the User-Agent; None if neither said anything.
        created_at: when the session was opened, in UTC by the store's clock.
        signed_in_at: when the user signed in last, likewise.
        last_seen_at: when it was used last, likewise, by its idle deadline: if it has none, as after
            `sign_in(absolute=)`, that of the sign-in.
        address: the client's address at the sign-in; None if none is kept.
        sockets: its connected sockets, on all nodes.
    """

    key: str
    label: str | None
    created_at: datetime
    signed_in_at: datetime
    last_seen_at: datetime
    address: str | None
    sockets: int
