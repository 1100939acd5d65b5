"""The Redis client: a pipelined connection, Sentinel, Cluster, URLs. It knows no session."""
