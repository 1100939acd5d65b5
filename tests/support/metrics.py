"""What a node counts, from its GET /metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


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
    """How often each verb of the session store has been called so far."""
    verbs = ("create", "load", "load_many", "commit", "end", "delete")
    name = "mooring_store_seconds_count"
    return {verb: int(await counted(client, name, verb=verb)) for verb in verbs}
