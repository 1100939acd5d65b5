"""httpx, by whichever of its names is installed: it is no dependency of the package."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
    import httpx2

    class AsyncClient(httpx.AsyncClient, httpx2.AsyncClient):  # type: ignore[misc] # one is Any
        """That of the one that is installed: to a type checker the other one is Any."""

else:
    try:
        import httpx
    except ModuleNotFoundError:
        try:
            import httpx2 as httpx
        except ModuleNotFoundError as error:
            if error.name != "httpx2":
                raise
            message = "TestApp: httpx is not installed; write: pip install httpx2"
            raise ModuleNotFoundError(message, name=error.name) from None
    AsyncClient = httpx.AsyncClient

__all__ = ["AsyncClient", "httpx"]
