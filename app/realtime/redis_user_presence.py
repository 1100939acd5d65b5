"""Which users have connected sockets, over all nodes of a Redis server."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial

from ..aio.tasks import cancel, is_running
from ..redis.client import RedisClient
from ..redis.scripts import Script
from ..sessions.ids import user_name
from .bus.base import BusUnavailableError
from .bus.redis import execute
from .user_presence import Changed, UserPresence

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.4
"""How often a node checks whether the next one has died; two checks in a row must find it so."""

_RETRY_SECONDS = 0.5
_KEYS_AT_ONCE = 200
_SAYS_WHO_SECONDS = 60
"""How long it is kept who has reported the last change, if the reply to that was lost."""
_RENEWALS = 3

# A user's hash has a field for each node, and what the last change was: a script that is repeated, since its
# reply was lost, has the same answer.
_ENTER = Script("""
-- ARGV: node, change, user, ttl ms
local others = redis.call('HLEN', KEYS[1]) - 2 * redis.call('HEXISTS', KEYS[1], '-change')
redis.call('HSET', KEYS[1], ARGV[1], '1')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if others > 0 then return redis.call('HGET', KEYS[1], '-change') == ARGV[2] and 1 or 0 end
redis.call('HSET', KEYS[1], '-change', ARGV[2], '-user', ARGV[3])
return 1
""")
_LEAVE = Script("""
-- ARGV: node, change, seconds
local removed = redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HEXISTS', KEYS[1], '-change') == 0 or redis.call('HLEN', KEYS[1]) > 2 then return '' end
if removed == 1 then
  redis.call('HSET', KEYS[1], '-change', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
elseif redis.call('HGET', KEYS[1], '-change') ~= ARGV[2] then return '' end
return redis.call('HGET', KEYS[1], '-user')
""")


class RedisUserPresence(UserPresence):
    """A hash a user with a field a node; the script that adds the first or removes the last says who reports.

    A node that was killed is found by the one before it, in the order of their ids, which removes what it has
    written: a set of the nodes, and a set of each one's users, say what that is. A node that was taken for
    dead by mistake finds itself out, and writes its users again.

    Args:
        client: reads and writes; not closed by this.
        is_alive: returns whether a node is alive.
        node: this node's id.
        lifetime: seconds after which what nobody removes expires; it is renewed before.
        prefix: hashes are `<prefix>:online:<name>`, sets `<prefix>:online-nodes` and
            `<prefix>:online-at:<node>`.
        check_seconds: how often to check for nodes that have died.
    """

    def __init__(
        self,
        client: RedisClient,
        is_alive: Callable[[str], Awaitable[bool]],
        *,
        node: str,
        lifetime: float,
        prefix: str = "mooring",
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._client = client
        self._is_alive = is_alive
        self._node = node
        self._lifetime = lifetime
        self._prefix = prefix
        self._check_seconds = check_seconds
        self._wanted: dict[str, bool] = {}
        """Whether this node has sockets of a user, for those who are here, or whose going is not written."""
        self._writers: dict[str, asyncio.Task[None]] = {}
        self._maintainer: asyncio.Task[None] | None = None
        self._numbers = itertools.count()
        self._is_failing = False

    def start(self, changed: Changed) -> None:
        self._changed = changed
        self._maintainer = asyncio.create_task(self._maintain(), name="presence of users")

    def set_here(self, user: str, *, here: bool) -> None:
        self._wanted[user] = here
        self._write_soon(user)

    async def aclose(self) -> None:
        await cancel(self._maintainer, *self._writers.values())

    def _write_soon(self, user: str) -> None:
        if not is_running(self._writers.get(user)):
            task = asyncio.create_task(self._write(user), name="presence of a user")
            self._writers[user] = task

    async def _write(self, user: str) -> None:
        """Write whether a user is here, until that is what is written."""
        while True:
            here = self._wanted[user]
            change = f"{self._node} {next(self._numbers)}"
            write = self._enter if here else self._leave
            await self._until_written(partial(write, user, change))
            if self._wanted[user] == here:
                break
        del self._writers[user]
        if not here:
            del self._wanted[user]

    async def _until_written(self, write: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await write()
            except BusUnavailableError as error:
                self._log_failure(error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._is_failing = False
                return

    def _log_failure(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            logger.warning("the presence of users is not written, retrying: %s", error)

    async def _enter(self, user: str, change: str) -> None:
        name = user_name(user)
        await self._note_here([name])  # first: whoever removes it has to find it
        ttl = int(self._lifetime * 1000)
        if await self._run(_ENTER, name, self._node, change, user, ttl):
            self._changed(user, True)

    async def _leave(self, user: str, change: str) -> None:
        name = user_name(user)
        await self._remove(name, self._node, change)
        await execute(self._client, "SREM", self._users_at(self._node), name)

    async def _remove(self, name: str, node: str, change: str) -> None:
        user = await self._run(_LEAVE, name, node, change, _SAYS_WHO_SECONDS)
        if user:
            self._changed(user.decode(errors="replace"), False)

    async def _note_here(self, names: Iterable[str]) -> None:
        users_here = self._users_at(self._node)
        await asyncio.gather(
            execute(self._client, "SADD", self._nodes, self._node),
            execute(self._client, "SADD", users_here, *names),
            execute(self._client, "PEXPIRE", users_here, int(self._lifetime * 1000)),
        )

    async def _maintain(self) -> None:
        loop = asyncio.get_running_loop()
        suspects: set[str] = set()
        renew_at = loop.time() + self._lifetime / _RENEWALS
        while True:
            await asyncio.sleep(self._check_seconds)
            with suppress(BusUnavailableError):
                found = await execute(self._client, "SMEMBERS", self._nodes)
                nodes = [each.decode(errors="replace") for each in found]
                if self._node not in nodes or loop.time() >= renew_at:
                    self._write_again()
                    renew_at = loop.time() + self._lifetime / _RENEWALS
                dead = await self._dead_next_to_this(nodes)
                for node in dead & suspects:
                    await self._remove_node(node)
                suspects = dead

    def _write_again(self) -> None:
        """Write all who are here: the server has lost them, or another node has taken this one for dead."""
        for user, here in self._wanted.items():
            if here:
                self._write_soon(user)

    async def _dead_next_to_this(self, nodes: list[str]) -> set[str]:
        """Return the nodes that follow this one and are dead, up to the first that is alive."""
        after = sorted(each for each in nodes if each > self._node)
        before = sorted(each for each in nodes if each < self._node)
        dead: set[str] = set()
        for node in (*after, *before):
            if await self._is_alive(node):
                break
            dead.add(node)
        return dead

    async def _remove_node(self, node: str) -> None:
        users = self._users_at(node)
        change = f"{self._node} {next(self._numbers)}"
        while names := await execute(self._client, "SRANDMEMBER", users, _KEYS_AT_ONCE):
            found = [each.decode(errors="replace") for each in names]
            removing = (partial(self._remove, name, node, change) for name in found)
            await asyncio.gather(*map(self._until_written, removing))
            await execute(self._client, "SREM", users, *names)
        await execute(self._client, "SREM", self._nodes, node)

    async def _run(self, script: Script, name: str, *arguments: str | int) -> bytes:
        key = f"{self._prefix}:online:{name}"
        found: bytes = await execute(self._client, "EVAL", script, 1, key, *arguments)
        return found

    @property
    def _nodes(self) -> str:
        return f"{self._prefix}:online-nodes"

    def _users_at(self, node: str) -> str:
        return f"{self._prefix}:online-at:{node}"
