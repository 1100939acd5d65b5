"""Suites that anything of a kind must pass. Other packages may import and run them."""

import pytest

# Else a failed assert of a suite would not show the values that it compared.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in ("parts", "creating", "reading", "committing", "ending", "bus_contract")
    )
)
