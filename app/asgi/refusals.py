"""Every kind of refusal, and the one function that counts and logs them."""

import logging
import time
from collections.abc import Callable
from enum import StrEnum

from ..metric_types import Counter

logger = logging.getLogger(__name__)

_SHOWN = 200


class Refusal(StrEnum):
    """What is refused, and why. Where the client gets a problem or an error ack, this is its type.

    Two kinds have a problem in common where clients are to do the same, and operators are not.
    """

    FOREIGN_ORIGIN = "foreign-origin"
    CROSS_SITE_REQUEST = "cross-site-request"
    PREFLIGHT = "preflight"

    INVALID_HTTP = "invalid-http"
    BODY_TOO_LARGE = "body-too-large"
    SESSION_TOO_LARGE = "session-too-large"
    SESSION_ENDED = "session-ended"
    STORE_UNAVAILABLE = "store-unavailable"
    STORE_FULL = "store-full"
    SHUTTING_DOWN = "shutting-down"

    TOO_MANY_REQUESTS = "too-many-requests"
    TOO_MANY_SOCKETS = "too-many-sockets"
    TOO_MANY_EVENTS = "too-many-events"
    TOO_MANY_PIPELINED_REQUESTS = "too-many-pipelined-requests"
    TOO_MANY_STREAMS = "too-many-streams"

    INVALID_IDEMPOTENCY_KEY = "invalid-idempotency-key"
    IDEMPOTENCY_NEEDS_SESSION = "idempotency-needs-session"
    IDEMPOTENCY_KEY_REUSED = "idempotency-key-reused"
    TOO_MANY_IDEMPOTENCY_KEYS = "too-many-idempotency-keys"
    REQUEST_UNDER_WAY = "request-under-way"
    OUTCOME_UNKNOWN = "outcome-unknown"

    INVALID_LOGOUT_TOKEN = "invalid-logout-token"  # noqa: S105 - a name
    PROVIDER_UNAVAILABLE = "provider-unavailable"
    INVALID_TOKEN = "invalid-token"  # noqa: S105 - a name
    NOT_YOUR_SOCKET = "not-your-socket"
    UNKNOWN_SOCKET = "unknown-socket"
    UPGRADE_ELSEWHERE = "upgrade-elsewhere"
    OVERLAPPING_POLLS = "overlapping-polls"
    JSONP = "jsonp-refused"
    UNKNOWN_TRANSPORT = "unknown-transport"
    UNSUPPORTED_VERSION = "unsupported-protocol-version"
    BAD_METHOD = "bad-method"
    BAD_UPGRADE = "bad-upgrade"
    BAD_HANDSHAKE = "bad-handshake"
    BAD_PAYLOAD = "bad-payload"

    FRAME_TOO_LARGE = "frame-too-large"
    BAD_FRAME = "bad-frame"
    BAD_PACKET = "bad-packet"
    TOO_MANY_IDLE_PACKETS = "too-many-idle-packets"
    OVERLAPPING_POSTS = "overlapping-posts"
    SLOW_BODY = "slow-body"
    UNREAD_RESPONSE = "unread-response"
    CONNECT_TIMEOUT = "connect-timeout"
    SLOW_CLIENT = "slow-client"

    INVALID_NAMESPACE = "invalid-namespace"
    CONNECT_REFUSED = "connect-refused"
    UNKNOWN_EVENT = "unknown-event"
    RATE_LIMITED = "rate-limited"
    INVALID_PAYLOAD = "invalid-payload"


_BY_TYPE = {str(kind): kind for kind in Refusal}
_REFUSED = Counter("mooring_refusals", "What was refused, by kind.", ["kind"])
_COUNTED = {kind: _REFUSED.labels(str(kind)) for kind in Refusal}


class RefusalLog:
    """Logs refusals, one of each kind a second: what clients cause must not fill a disk.

    Args:
        clock: returns seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_until: dict[Refusal, float] = {}
        self._unsaid: dict[Refusal, int] = {}

    def note(self, kind: Refusal, about: dict[str, object]) -> None:
        """Log a refusal, or count it for the next line of its kind."""
        now = self._clock()
        if now < self._silent_until.get(kind, now):
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._silent_until[kind] = now + 1.0
        if kind in self._unsaid:
            about = {**about, "unsaid": self._unsaid.pop(kind)}
        logger.info("refused: %s", kind, extra=about)


_log = RefusalLog()


def refused(kind: Refusal, **about: str | int | None) -> None:
    """Count a refusal, and log it unless its kind has been logged within the last second.

    Args:
        kind: what is refused.
        about: what the line says besides: no id and no cookie, but the first digits of a session's key,
            or the origin that may be missing in a setting. Texts are cut; None is left out.
    """
    _COUNTED[kind].inc()
    _log.note(kind, {name: _cut(value) for name, value in about.items() if value is not None})


def refusal_of(type_: str) -> Refusal | None:
    """Return the kind that a problem's or an error ack's type stands for; None if it is no refusal."""
    return _BY_TYPE.get(type_)


def _cut(value: str | int) -> str | int:
    return value[:_SHOWN] if isinstance(value, str) else value
