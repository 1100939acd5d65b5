"""Whatever an app is made of: Mooring, with fast paths and without, answers as FastAPI does.

DIFFERENTIAL_EXAMPLES=5000 (or `make differential`) tries more apps than `make test` does, other ones each
time, as does `make proof`; DIFFERENTIAL_SHRINK=1 makes the app of a failure smaller, which takes minutes.
"""

import asyncio
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from app import Settings
from tests.differential.build import OUTER, Built
from tests.differential.specs import AppSpec, Case, Change, Send, cases
from tests.support.asgi import Exchange, request, websocket
from tests.support.samples import PROOF, times

pytestmark = pytest.mark.proof

_EXAMPLES = int(os.environ.get("DIFFERENTIAL_EXAMPLES", "0"))

bounded = settings(
    max_examples=_EXAMPLES or times(40, of=250),
    derandomize=not (_EXAMPLES or PROOF),
    database=None,
    deadline=None,
    phases=[Phase.generate, *([Phase.shrink] if os.environ.get("DIFFERENTIAL_SHRINK") else [])],
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


_GZIP, _MAGIC = 16 + zlib.MAX_WBITS, b"\x1f\x8b"


@dataclass
class Seen:
    """What one exchange was, to those who take part in it."""

    answer: Any
    error: str
    calls: list[str]


@given(case=cases(sessions=False))
@bounded
def test_routes_without_sessions_are_fastapis(case: Case) -> None:
    plain, slow, fast = (_run(case, mode) for mode in (None, "off", "on"))
    _compare(case, plain, slow, "plain FastAPI", "Mooring")
    _compare(case, slow, fast, "slow", "fast")


@given(case=cases(sessions=True))
@bounded
def test_fast_paths_change_nothing(case: Case) -> None:
    slow, fast = (_run(case, mode) for mode in ("off", "on"))
    _compare(case, slow, fast, "slow", "fast")


def _compare(case: Case, one: list[Seen], other: list[Seen], *names: str) -> None:
    steps = [step for step in case.steps if isinstance(step, Send) for _ in range(step.times)]
    assert len(one) == len(other) == len(steps)
    for step, left, right in zip(steps, one, other, strict=True):
        assert left == right, f"{step}: {names[0]} first, {names[1]} second"


def _run(case: Case, fast_paths: Any) -> list[Seen]:
    mooring = None
    if fast_paths is not None:
        mooring = Settings(
            fast_paths=fast_paths,
            session_store="memory",
            session_secrets=("a secret of these tests, long enough for all",),
        )
    with asyncio.Runner() as runner:
        return runner.run(_play(case, Built(case.app, mooring)))


async def _play(case: Case, built: Built) -> list[Seen]:
    seen: list[Seen] = []
    cookie = ""
    async with built.app.router.lifespan_context(built.app):
        for step in case.steps:
            if isinstance(step, Change):
                built.change(step)
                continue
            for _ in range(step.times):
                built.calls.clear()
                done = await _send(built, case.app, step, cookie)
                cookie = _new_cookie(done, cookie)
                seen.append(
                    Seen(_answer(done), _error(done), [_masked(each) for each in built.calls])
                )
    return seen


async def _send(built: Built, spec: AppSpec, step: Send, cookie: str) -> Exchange:
    method, path = step.target
    path = OUTER + path if spec.below == "included" else path
    headers = [("accept-encoding", "gzip")]
    headers += [("x-key", "1")] if step.key else []
    headers += [("cookie", cookie)] if cookie else []
    if method == "OPTIONS":
        headers += [("origin", "https://a.example"), ("access-control-request-method", "GET")]
    if method == "websocket":
        return await websocket(built.served, path, headers=headers)
    return await request(built.served, method, path, headers, root_path=step.root_path)


def _answer(done: Exchange) -> list[dict[str, Any]]:
    messages: Sequence[Mapping[str, Any]] = done.messages
    if messages and "gzip" in done.values("content-encoding"):
        messages = _unpacked(messages)
    return [{key: _masked_value(value) for key, value in each.items()} for each in messages]


def _unpacked(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a response without its compression: a time that is in it changes bytes and length."""
    start, *bodies = messages
    headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    packed = b"".join(each.get("body", b"") for each in bodies)
    is_packed = packed.startswith(
        _MAGIC
    )  # no body at all, or one of an error, may come with that field
    body = zlib.decompressobj(wbits=_GZIP).decompress(packed) if is_packed else packed
    return [{**start, "headers": headers}, {**bodies[-1], "body": body, "number": len(bodies)}]


def _masked_value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_masked_value(each) for each in value]
    if isinstance(value, bytes | memoryview):
        return _masked(bytes(value).decode("latin-1"))
    return value


def _error(done: Exchange) -> str:
    chain: list[str] = []
    error = done.error
    while error is not None:
        chain.append(repr(error))
        error = error.__cause__
    return _masked(" from ".join(chain))


def _masked(text: str) -> str:
    """Return a text without what differs between two runs of the same: ids, times, addresses."""
    text = re.sub(r"session=[^;]+", "session=…", text)
    text = re.sub(r"Max-Age=[1-9]\d*", "Max-Age=…", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "…", text)
    return re.sub(r"0x[0-9a-f]+", "0x…", text)


def _new_cookie(done: Exchange, cookie: str) -> str:
    if not done.messages:
        return cookie
    for field in done.values("set-cookie"):
        if "session=" in field:
            pair = field.partition(";")[0]
            return "" if "max-age=0" in field.lower() else pair
    return cookie
