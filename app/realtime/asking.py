"""Commands to the server that nodes share: one that it refuses counts as an outage, too."""

from typing import Any

from redis.exceptions import ResponseError

from app.sessions import StoreUnavailableError
from app.sessions.redis_link import Argument, Commands


async def ask(commands: Commands, *arguments: Argument) -> Any:
    """Send a command and give its reply; raises StoreUnavailableError if there is none or a refusal."""
    try:
        return await commands.call(*arguments)
    except ResponseError as error:
        raise StoreUnavailableError(f"the server answered: {error}") from error
