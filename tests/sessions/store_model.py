"""What a session store does, as plain Python: the model that real stores are held against."""

from dataclasses import dataclass, replace

from app.sessions import (
    CommitOutcome,
    Committed,
    Conflict,
    Gone,
    Lease,
    LoadResult,
    Record,
    SessionExistsError,
    Tombstone,
)


@dataclass
class _Kept:
    content: Record | Tombstone
    deadline: float


class StoreModel:
    """Keeps what SessionStore says that a store keeps; `now` is moved by hand."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._kept: dict[str, _Kept] = {}

    def advance_time(self, seconds: float) -> None:
        self.now += seconds
        for key, kept in list(self._kept.items()):
            if kept.deadline <= self.now:
                del self._kept[key]

    def keys(self) -> list[str]:
        """The keys under which something stands."""
        return list(self._kept)

    def version(self, key: str) -> int:
        """The version that is stored, 1 if there is none."""
        kept = self._kept.get(key)
        return kept.content.version if kept and isinstance(kept.content, Record) else 1

    def create(
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None,
        created_at: float,
        predecessor: str | None,
    ) -> Record:
        if key in self._kept:
            raise SessionExistsError(key)
        record = Record(data, 1, created_at, created_at + absolute, owner, None, predecessor)
        kept = self._kept[key] = _Kept(record, self._deadline(record, idle))
        leased = self._leased(kept, record)
        self.advance_time(0)
        return leased

    def load(self, key: str, idle: float | None) -> LoadResult:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if isinstance(kept.content, Tombstone):
            return kept.content
        self._extend(kept, kept.content, idle)
        return self._leased(kept, kept.content)

    def peek(self, key: str) -> LoadResult:
        kept = self._kept.get(key)
        return kept.content if kept else None

    def commit(
        self,
        key: str,
        version: int,
        data: bytes,
        *,
        idle: float | None,
        owner: str | None,
        predecessor: str | None,
    ) -> CommitOutcome:
        outcome = self._obstacle(key, version)
        if outcome:
            return outcome
        kept = self._kept[key]
        assert isinstance(kept.content, Record)
        kept.content = kept.content._replace(
            data=data, owner=owner, version=version + 1, predecessor=predecessor
        )
        self._extend(kept, kept.content, idle)
        return Committed(self._leased(kept, kept.content))

    def end(
        self, key: str, tombstone: Tombstone, *, keep: float, version: int | None
    ) -> CommitOutcome:
        outcome = self._obstacle(key, version)
        if outcome:
            return outcome
        last = self._kept[key]
        assert isinstance(last.content, Record)
        tombstone = replace(tombstone, predecessor=last.content.predecessor)
        self._kept[key] = _Kept(tombstone, self.now + keep)
        return Committed(self._leased(last, last.content))

    def delete(self, key: str) -> None:
        self._kept.pop(key, None)

    def _obstacle(self, key: str, version: int | None) -> CommitOutcome | None:
        kept = self._kept.get(key)
        if kept is None:
            return Gone()
        if isinstance(kept.content, Tombstone):
            return Gone(kept.content)
        if version not in (None, kept.content.version):
            return Conflict(self._leased(kept, kept.content))
        return None

    def _extend(self, kept: _Kept, record: Record, idle: float | None) -> None:
        if idle is not None and record.predecessor is None:
            kept.deadline = max(kept.deadline, self._deadline(record, idle))

    def _deadline(self, record: Record, idle: float) -> float:
        return min(self.now + idle, record.absolute_at)

    def _leased(self, kept: _Kept, record: Record) -> Record:
        return record._replace(lease=Lease(self.now, kept.deadline))
