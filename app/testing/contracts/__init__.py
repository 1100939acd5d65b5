"""Suites that every adapter of a port must pass. They need pytest and pytest-asyncio."""

import pytest

# Without it a failed assert of a suite would not show the values that it compared.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            *("store_base", "store_create", "store_load", "store_commit", "store_end"),
            *("bus", "bus_addressed", "bus_server"),
            *("user_index", "answers"),
        )
    )
)
