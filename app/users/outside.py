"""Users for code outside of the app. Importing this needs the extra `redis`."""

import secrets

from ..aio.closing import Closing
from ..realtime.bus.messages import Message, SessionEndedMessage
from ..realtime.bus.redis import WAIT, RedisBus
from ..realtime.bus.relay import BusRelay
from ..realtime.redis_presence import RedisPresence
from ..redis.client import RedisClient
from ..redis.prefix import check_prefix_of_worker
from ..redis.url import TIMEOUT, connect
from ..sessions import Policy, SessionManager
from ..sessions.stores.redis import RedisStore
from ..unclosed import warn_unclosed
from .users import Users

_COUNTS_FOR_SECONDS = 60.0


class ConnectedUsers(Users, Closing):
    """The Users of code outside of the app; see `Users.connect`. It closes its connections at the end."""

    _client: RedisClient | None = None

    def __init__(self, redis_url: str, *, prefix: str, idle_timeout: float) -> None:
        name = f"outside-{secrets.token_hex(8)}"
        check_prefix_of_worker(prefix)
        client = connect(redis_url)
        reader = connect(redis_url, timeout=WAIT + TIMEOUT)
        store = RedisStore(client, prefix=prefix)
        policy = Policy(idle=idle_timeout, absolute=idle_timeout)  # it opens no session
        manager = SessionManager(store, policy, store)
        self._store = store
        relay = BusRelay(RedisBus(client, reader, prefix=prefix), _ignore, _joined, node=name)
        # Not of self: a circle of references would keep one that nobody closes.
        manager.add_before_end_listener(lambda key: relay.send(SessionEndedMessage(key=key)))
        self._client, self._relay = client, relay
        presence = RedisPresence(
            client, client, node=name, lifetime=_COUNTS_FOR_SECONDS, prefix=prefix
        )
        super().__init__(manager, presence.count_remote)

    def __del__(self) -> None:
        if self._client is not None and self._client.connected:
            warn_unclosed(self, "async with Users.connect(...), or await users.aclose()")

    async def aclose(self) -> None:
        """Send what is left, and close the connections. May be called twice."""
        await self._relay.aclose()
        await self._store.aclose()


async def _ignore(_message: Message) -> None:
    return


async def _joined() -> None:
    return
