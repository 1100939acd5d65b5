"""Routes that say what of an app waits for the garbage collector."""

import gc

from fastapi import APIRouter

router = APIRouter()


@router.post("/watch")
async def watch() -> None:
    """Collect what there is; from now on nothing does."""
    gc.collect()
    gc.disable()


@router.get("/garbage")
async def garbage() -> int:
    """Return how many objects only a collector finds since."""
    return gc.collect()
