"""The product, with nobody who collects its garbage: served as tests.soak.uncollected:app."""

from tests.soak.product import app, mooring
from tests.support.garbage import router

__all__ = ["app", "mooring"]

app.include_router(router)
