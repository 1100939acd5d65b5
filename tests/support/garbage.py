"""Routes that say what of an app waits for the garbage collector."""

import gc
from collections import Counter

from fastapi import APIRouter

router = APIRouter()


@router.post("/watch")
async def watch() -> None:
    """Collect what there is; from now on nothing does."""
    gc.collect()
    gc.disable()


@router.get("/garbage")
async def garbage() -> dict[str, int]:
    """Return how many objects only a collector has freed since, by type.

    The number that it returns is too small: a circle with a generator falls apart as that is closed, and is
    not counted.
    """
    before = _objects()
    gc.collect()
    return dict((before - _objects()).most_common())


def _objects() -> Counter[str]:
    """Count what the collector knows of; of tuples and dicts it forgets those that can be in no circle."""
    kinds = map(type, gc.get_objects())
    return Counter(each.__qualname__ for each in kinds if each not in {tuple, dict})
