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


async def ids_of(store: SessionStore, key: str, keys: Sequence[str]) -> set[str]:
    """Return the keys under which a session goes on, or may: its own, and those that a rotation gives it.

    Args:
        store: where it is kept.
        key: the key of the session.
        keys: where to find the new record of a rotation that has not ended the old one yet.
    """
    found, latest = {key}, await store.load(key)
    while isinstance(latest, Tombstone) and latest.reason == EndReason.ROTATED:
        if latest.successor is None or latest.successor in found:
            break
        found.add(latest.successor)
        latest = await store.load(latest.successor)
    records = zip(keys, await store.load_many(keys), strict=True)
    return found | {
        each
        for each, record in records
        if isinstance(record, Record) and record.predecessor and _predecessor(each, record) in found
    }


def _predecessor(key: str, record: Record) -> str:
    try:
        return Predecessor.read(key, record.predecessor).key
    except UnreadableRecordError:
        return key  # which is no tombstone


def _was_followed_by(key: str, old: object) -> bool:
    return isinstance(old, Tombstone) and (old.reason, old.successor) == (EndReason.ROTATED, key)
