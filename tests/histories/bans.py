"""Does a ban end whoever had signed in before it, and nobody who signs in after it?

A sign-in that was under way with a ban may come before it, and ends or fails, or after it. Which of the two
it was is seen by the first use behind the ban, and does not change. One whose answer left it in doubt may not
have been; from its first use on it has.
"""

import math
from collections.abc import Iterator, Sequence

from tests.histories.anomaly import Anomaly, Found
from tests.histories.history import Dead, History, Kind, Operation, Outcome, Visit


def check_bans(history: History) -> Iterator[Found]:
    """Yield what is wrong with the other sessions of the user."""
    bans = [
        each
        for each in history.operations
        if each.kind is Kind.BAN and each.outcome is not Outcome.FAILED
    ]
    for visit in history.visits:
        uses = [each for each in visit.uses if not history.in_failover(each)]
        yield from _check_served(bans, visit, uses)
        if not history.may_have_expired(history.finished):
            yield from _check_gone(bans, visit, uses)


def _check_served(
    bans: Sequence[Operation], visit: Visit, uses: Sequence[Operation]
) -> Iterator[Found]:
    """Find uses of a session that had ended: by a ban behind the sign-in, or as an answer said."""
    ends = [
        each for each in bans if each.outcome is Outcome.OK and each.invoked > _signed_in_by(visit)
    ]
    ends += [each for each in uses if each.outcome is Outcome.ENDED]
    over = min((each.returned for each in ends), default=None)
    for each in uses:
        if over is not None and each.outcome is Outcome.OK and each.invoked > over:
            yield Found(
                Anomaly.SERVED,
                f"a session of {each.user}, {each.invoked - over:.3f} s after its end",
            )
            return


def _check_gone(
    bans: Sequence[Operation], visit: Visit, uses: Sequence[Operation]
) -> Iterator[Found]:
    """Find a session that is gone, or a sign-in that was refused, where no ban can be what ended it."""
    if visit.signed_in.outcome is Outcome.FAILED and not any(
        _may_end(each, visit.signed_in, visit.signed_in) for each in bans
    ):
        yield Found(Anomaly.GONE, f"{visit.signed_in.said!r} to a sign-in that no ban met")
    if visit.signed_in.outcome is Outcome.OK and visit.signed_in.dead is Dead.STRANGER:
        yield Found(Anomaly.GONE, "a sign-in met none of the session that was opened for it")
    served = [each for each in uses if each.outcome is Outcome.OK]
    for each in uses:
        if (
            each.outcome is Outcome.ENDED
            and each.invoked > _signed_in_by(visit)
            and not any(
                _may_end(ban, visit.signed_in, each) and not _is_behind(ban, served, each)
                for ban in bans
            )
        ):
            yield Found(Anomaly.GONE, f"{each.said!r} to one who signed in after the ban")
            return


def _signed_in_by(visit: Visit) -> float:
    """Return from when on the visitor is known to be signed in; infinite if nobody knows."""
    known = [visit.signed_in, *visit.uses]
    return min((each.returned for each in known if each.outcome is Outcome.OK), default=math.inf)


def _may_end(ban: Operation, signed_in: Operation, seen: Operation) -> bool:
    return signed_in.invoked <= ban.returned and ban.invoked <= seen.returned


def _is_behind(ban: Operation, served: Sequence[Operation], seen: Operation) -> bool:
    """Return True if the session was served after a ban, before it was seen to be gone."""
    return any(each.invoked > ban.returned and each.returned < seen.invoked for each in served)
