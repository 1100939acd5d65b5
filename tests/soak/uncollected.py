"""The product, with nobody who collects its garbage: served as tests.soak.uncollected:app."""

import gc

from tests.soak.product import app, mooring

__all__ = ["app", "mooring"]


@app.post("/watch")
async def watch() -> None:
    """Collect what there is; from now on nothing does."""
    gc.collect()
    gc.disable()


@app.get("/garbage")
async def garbage() -> int:
    """Return how many objects only a collector finds since."""
    return gc.collect()
