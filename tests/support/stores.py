"""The stores that the service is tested on, as settings."""

from typing import Any

from tests.support.sentinel import Watched
from tests.support.servers import STORE_SERVERS, StoreServer
from tests.support.service import SECRET

STORES = ("memory", *STORE_SERVERS)

StoreSettings = dict[str, Any]
"""Settings for `service(**store)`."""


def memory_settings() -> StoreSettings:
    """The store inside the node's own process."""
    return {"session_store": "memory", "session_secrets": SECRET}


def server_settings(server: StoreServer | Watched) -> StoreSettings:
    """A store on a server, for any number of nodes."""
    return {"session_store": "redis", "redis_url": server.url, "session_secrets": SECRET}
