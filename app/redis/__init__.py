"""The Redis client: a pipelined connection, Sentinel, Cluster, URLs. It is independent of sessions."""
