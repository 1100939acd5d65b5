"""A process of its own that says what is due: python -m chat.worker, with REDIS_URL."""

import asyncio

from fastapi_mooring import Emitter, Settings

from .config import config
from .reminders import keep_reminding


async def main() -> None:
    """Run until it is stopped."""
    chat, mooring = config(), Settings()
    url = mooring.redis_url.get_secret_value()
    async with Emitter.connect(url, prefix=mooring.redis_prefix) as emitter:
        await keep_reminding(chat.database, emitter, chat.reminder_interval)


if __name__ == "__main__":
    asyncio.run(main())
