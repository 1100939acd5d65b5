"""Which of many records are those of sessions that can be used."""

from collections.abc import Sequence

from .errors import UnreadableRecordError
from .models import EndReason, Record, Tombstone
from .rotation import Predecessor
from .stores.base import SessionStore


async def load_live(store: SessionStore, keys: Sequence[str]) -> dict[str, Record]:
    """Return the records of the keys whose sessions live, in their order.

    The new record of a rotation is none until the old one has ended for it: a node that was killed in between
    leaves both for a while, and one session.
    """
    found = zip(keys, await store.load_many(keys), strict=True)
    records = {key: each for key, each in found if isinstance(each, Record)}
    pending = {key: _predecessor(key, each) for key, each in records.items() if each.predecessor}
    before = dict(zip(pending, await store.load_many(list(pending.values())), strict=True))
    return {
        key: record
        for key, record in records.items()
        if key not in pending or _was_followed_by(key, before[key])
    }


def _predecessor(key: str, record: Record) -> str:
    try:
        return Predecessor.read(key, record.predecessor).key
    except UnreadableRecordError:
        return key  # which is no tombstone


def _was_followed_by(key: str, old: object) -> bool:
    return isinstance(old, Tombstone) and (old.reason, old.successor) == (EndReason.ROTATED, key)
