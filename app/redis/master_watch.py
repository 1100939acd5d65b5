"""Who is the master and who may become it, by what the Sentinels say twice a second."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ..aio.tasks import cancel, is_running
from .client import RedisClient
from .errors import RedisClientError
from .replication import Address

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.4
ANSWER_SECONDS = 0.25
"""Less than a command's time: a Sentinel that hangs must leave time for the rest."""

_OUTDATED_SECONDS = 2.0
"""After this time what a Sentinel said counts no longer."""
_GONE_SECONDS = 1.0
"""For so long a Sentinel must be without a connection to a replica that it may be passed over. Who
promotes a replica cuts its connections, too, but then all Sentinels are back at once."""

_DOWN = {"s_down", "o_down"}

Fields = dict[str, str]


class Link(Protocol):
    """A connection to the master."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or one is being made."""
        ...

    def follow(self, master: Address) -> None:
        """Move to this server, if the connection is to another."""


@dataclass(frozen=True)
class View:
    """What one Sentinel says.

    Attributes:
        master: where it says that the master is.
        epoch: how new that is: of two that differ, the higher one counts.
        up: whether it can reach the master.
        candidates: replicas that it might promote.
        parted: those of them that it has no connection to at the moment.
        seen_at: when it said so, by a monotonic clock.
    """

    master: Address
    epoch: int
    up: bool
    candidates: frozenset[Address]
    parted: frozenset[Address]
    seen_at: float


class MasterWatch:
    """Asks the Sentinels for as long as a link is connected, and moves all links when the master moves.

    Args:
        sentinels: one client for each; closed by `aclose`.
        service: the name under which they monitor the master.
    """

    def __init__(self, sentinels: Sequence[RedisClient], service: str) -> None:
        self._candidates: frozenset[Address] = frozenset()
        self._sentinels = sentinels
        self._service = service
        self._links: list[Link] = []
        self._views: dict[int, View] = {}
        self._parted_since: dict[tuple[int, Address], float] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None

    def add(self, link: Link) -> None:
        """Move this link with the others."""
        self._links.append(link)

    def other_masters(self, master: Address) -> frozenset[Address]:
        """Return the servers that may be promoted, or were, in place of the one that a link is on."""
        return self._candidates - {master}

    def poll_now(self) -> None:
        """Ask again without waiting for the next turn: something has changed."""
        if is_running(self._task) and self._wake is not None:
            self._wake.set()

    async def find_master(self) -> Address:
        """Return where the master is, and watch it from now on.

        Raises:
            ConnectionError: no Sentinel answers, or none can reach the master.
        """
        if not is_running(self._task):
            self._wake = asyncio.Event()
            self._task = asyncio.create_task(self._watch(self._wake), name="sentinels")
        if not await self._ask(enough=len(self._sentinels) // 2 + 1):
            raise ConnectionError("no Sentinel answers")
        best = self._decide()
        if best is None:
            raise ConnectionError("the Sentinels say that the master is down")
        return best.master

    async def aclose(self) -> None:
        """Stop, unless a link is connected still. May be called twice."""
        if any(link.connected for link in self._links):
            return
        await cancel(self._task)
        for sentinel in self._sentinels:
            await sentinel.aclose()

    async def _watch(self, wake: asyncio.Event) -> None:
        while any(link.connected for link in self._links):
            try:
                await self._poll()
            except Exception:
                logger.exception("the Sentinels were not understood, asking again")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await wake.wait()
            wake.clear()

    async def _poll(self) -> None:
        await self._ask(enough=len(self._sentinels))
        best = self._decide()
        for link in self._links:
            if best is not None and link.connected:
                link.follow(best.master)

    def _decide(self) -> View | None:
        """Return whom to believe of the Sentinels that were reached lately, None if there is no master.

        What they say of replicas counts together. It stays if none was reached: then nobody is promoted
        either.
        """
        now = time.monotonic()
        recent = {
            number: view
            for number, view in self._views.items()
            if now - view.seen_at < _OUTDATED_SECONDS
        }
        if not recent:
            return None
        best = max(
            (view for view in recent.values() if view.up), key=lambda view: view.epoch, default=None
        )
        found = {best.master} if best else set()
        for number, view in recent.items():
            found |= {each for each in view.candidates if self._counts(number, each, now)}
        self._candidates = frozenset(found)
        return best

    def _counts(self, number: int, replica: Address, now: float) -> bool:
        return now - self._parted_since.get((number, replica), now) < _GONE_SECONDS

    async def _ask(self, *, enough: int) -> list[View]:
        """Return what they say, those that answer; do not wait for more than are enough."""
        asking = {
            asyncio.create_task(self._ask_one(number)) for number in range(len(self._sentinels))
        }
        deadline = time.monotonic() + ANSWER_SECONDS
        answers: list[View] = []
        try:
            while asking and len(answers) < enough and time.monotonic() < deadline:
                left = deadline - time.monotonic()
                done, asking = await asyncio.wait(
                    asking, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                answers += [view for each in done if (view := each.result()) is not None]
        finally:
            for each in asking:
                each.cancel()
        return answers

    async def _ask_one(self, number: int) -> View | None:
        sentinel, service = self._sentinels[number], self._service
        asked = (
            sentinel.execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service),
            sentinel.execute("SENTINEL", "MASTER", service),
            sentinel.execute("SENTINEL", "REPLICAS", service),
        )
        try:
            address, master, replicas = await asyncio.gather(*asked)
        except RedisClientError:
            return None
        if address is None:
            return None
        view = _view(address, _fields(master), [_fields(each) for each in replicas])
        self._views[number] = view
        self._note_parted(number, view)
        return view

    def _note_parted(self, number: int, view: View) -> None:
        before = self._parted_since
        others = {each: since for each, since in before.items() if each[0] != number}
        self._parted_since = others | {
            (number, replica): before.get((number, replica), view.seen_at)
            for replica in view.parted
        }


def _view(address: list[bytes], master: Fields, replicas: Iterable[Fields]) -> View:
    at = (address[0].decode(), int(address[1]))
    # While it fails over, a Sentinel names the new master before the epoch of its own entry counts up.
    has_moved = at != _address(master)
    candidates = [each for each in replicas if _is_candidate(each)]
    return View(
        at,
        int(master.get("config-epoch", 0)) + has_moved,
        has_moved or not _DOWN & _flags(master),
        frozenset(_address(each) for each in candidates),
        frozenset(_address(each) for each in candidates if "disconnected" in _flags(each)),
        time.monotonic(),
    )


def _is_candidate(replica: Fields) -> bool:
    """Return whether a Sentinel might promote a replica that it lists."""
    return (
        not _DOWN & _flags(replica)
        and replica.get("master-link-status") == "ok"
        and replica.get("slave-priority") != "0"
    )


def _flags(fields: Fields) -> set[str]:
    return set(fields.get("flags", "").split(","))


def _address(fields: Fields) -> Address:
    return fields.get("ip", ""), int(fields.get("port", 0))


def _fields(reply: list[bytes]) -> Fields:
    words = [word.decode(errors="replace") for word in reply]
    return dict(zip(words[::2], words[1::2], strict=False))
