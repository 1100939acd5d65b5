"""How often a test tries what is random: `make test` takes a sample, `make proof` all of it.

The sample is always the same where a test says so (`derandomize`); all of it is another one each time.
"""

import os

PROOF = int(os.environ.get("PROOF", "0"))
"""How many times all of it `make proof` tries; zero without it."""


def times(sample: int, of: int) -> int:
    """Return how often to try in this run."""
    return of * PROOF if PROOF else sample
