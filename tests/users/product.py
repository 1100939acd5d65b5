"""The product of tests/users in a process of its own: APP=tests.users.product:app."""

from app import Settings
from tests.users.factory import new_product

mooring = new_product(Settings.with_defaults(max_body_bytes=10_000))
app = mooring.app
