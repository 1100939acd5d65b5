"""What is logged at the start about servers that cannot keep all promises in a failover."""

import logging

from .replication import Replication

logger = logging.getLogger(__name__)

_MAY_LOSE = "a failover may lose writes that were acknowledged: REDIS_URL has no wait_replicas"
_UNGUARDED = (
    ", and the master has no min-replicas-to-write, so that it takes writes when it is left"
)
_TOO_FEW = "wait_replicas=%d and %d replicas: while one of them is missing, writes are refused"


def warn_of_failovers(replication: Replication, wait_replicas: int) -> None:
    """Log a warning where a failover would lose writes, or a missing replica stop them."""
    replicas = len(replication.online | replication.syncing)
    if not wait_replicas:
        logger.warning("%s%s", _MAY_LOSE, "" if replication.guarded else _UNGUARDED)
    elif replicas <= wait_replicas:
        logger.warning(_TOO_FEW, wait_replicas, replicas)
