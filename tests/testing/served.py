"""The app of the kit's tests, for a server."""

from tests.testing.product import product

app = product()
