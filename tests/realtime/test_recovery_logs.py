"""What a node holds of the logs that it reads for clients that were elsewhere."""

import weakref

from app.realtime.recovery.redis import RedisRecoveryStore
from app.redis.url import connect
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

_WINDOW = 0.2


async def test_a_log_that_is_always_in_use_does_not_keep_what_it_has_ever_read(
    valkey: StoreServer,
) -> None:
    client = connect(valkey.url)
    store = RedisRecoveryStore(client, lifetime=60)
    store.start("here", _WINDOW, 60.0)
    try:
        opened = weakref.ref(store.log("there"))
        assert store.log("there") is opened(), "clients that come back together share it"

        def is_dropped_in_use() -> bool:
            return store.log("there") is not None and opened() is None

        await eventually(is_dropped_in_use)
    finally:
        await store.aclose(stays=False)
        await client.aclose()
