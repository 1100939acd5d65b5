"""The answers of what takes effect once, in Redis: in a hash beside the record."""

from typing import Any

from ..models import CommitOutcome, Gone
from . import redis_answer_scripts as scripts
from .answers import LIMITS, Answer, AnswerLimits, AnswerStore, NoRoom, Once
from .redis_caller import RedisCaller
from .redis_values import optional_ms, outcome_of, pack, to_ms


class RedisAnswers(RedisCaller, AnswerStore):
    """Keeps them in `<prefix>:once:{<session key>}`, in the slot of the record."""

    async def commit_once(
        self,
        key: str,
        version: int,
        data: bytes,
        once: Once,
        *,
        idle: float | None = None,
        owner: str | None = None,
        limits: AnswerLimits = LIMITS,
    ) -> CommitOutcome | Answer | NoRoom:
        words = pack(owner)
        commit = (version, optional_ms(idle), words, data, "")
        kept = (once.name, "S" if once.step else "A", once.answer, *_numbers(limits))
        reply = await self._run_on_both(scripts.COMMIT_ONCE, key, *commit, *kept)
        if reply[0] == b"committed":
            reply[1] += words.encode() + b" " + data
        return _answer(reply) or outcome_of(key, reply)

    async def swap_answer(
        self,
        key: str,
        name: str,
        value: bytes | None,
        *,
        expected: bytes | None = None,
        limits: AnswerLimits = LIMITS,
    ) -> Answer | Gone | NoRoom | None:
        arguments = (name, _given(expected), _given(value), *_numbers(limits))
        reply = await self._run_on_both(scripts.SWAP, key, *arguments)
        return _gone(reply) or _answer(reply)

    async def read_answer(
        self, key: str, name: str, *, limits: AnswerLimits = LIMITS
    ) -> Answer | None:
        arguments = (name, to_ms(limits.keep))
        found = _answer(await self._run_on_both(scripts.READ, key, *arguments))
        return found if isinstance(found, Answer) else None

    async def copy_answers(
        self, key: str, successor: str, *, limits: AnswerLimits = LIMITS
    ) -> None:
        fields = await self._call("HGETALL", self._answers_name(key))
        if fields:
            await self._run_on_both(scripts.ADD_COPIES, successor, to_ms(limits.keep), *fields)


def _answer(reply: list[Any]) -> Answer | NoRoom | None:
    match reply:
        case [b"answer", value, age, version]:
            return Answer(value, age / 1000, version)
        case [b"no room", left]:
            return NoRoom(left / 1000)
    return None


def _given(value: bytes | None) -> bytes:
    return b"" if value is None else b"=" + value


def _numbers(limits: AnswerLimits) -> tuple[int, int, int]:
    return to_ms(limits.keep), limits.number, limits.max_bytes


def _gone(reply: list[Any]) -> Gone | None:
    outcome = outcome_of("", reply) if reply[0] == b"gone" else None
    return outcome if isinstance(outcome, Gone) else None
