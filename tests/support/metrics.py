"""What a node counts, from its GET /metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

STORE_CALLS = "mooring_store_seconds_count"

BUSY: set[str] = set()
"""URLs of the nodes that all kinds of tests share: what an earlier one left there goes on counting."""


async def counted(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    """The sum of all samples of that name which have these labels; 0 if there are none."""
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def store_calls(client: httpx.AsyncClient) -> dict[str, int]:
    """How often each verb of the session store has been called so far, but for the task that reloads."""
    url = str(client.base_url).rstrip("/")
    assert url not in BUSY, "a test that counts takes `quiet_node`, or a node of its own"
    verbs = ("create", "load", "commit", "end", "delete")
    return {verb: int(await counted(client, STORE_CALLS, verb=verb)) for verb in verbs}


async def reloads(client: httpx.AsyncClient) -> int:
    """How often the session store has been asked for many sessions at once."""
    return int(await counted(client, STORE_CALLS, verb="load_many"))
