"""What a node counts, from its GET /metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

STORE_CALLS = "mooring_store_seconds_count"


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
    verbs = ("create", "load", "commit", "end", "delete")
    return {verb: int(await counted(client, STORE_CALLS, verb=verb)) for verb in verbs}


async def reloads(client: httpx.AsyncClient) -> int:
    """How often the session store has been asked for many sessions at once."""
    return int(await counted(client, STORE_CALLS, verb="load_many"))
