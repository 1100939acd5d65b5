"""httpx, by whichever of its names is installed: it is no dependency of the package."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
else:
    try:
        import httpx
    except ModuleNotFoundError:
        import httpx2 as httpx

__all__ = ["httpx"]
