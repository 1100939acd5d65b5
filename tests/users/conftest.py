"""Nodes of the product whose users sign in."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.http import http_client
from tests.support.service import Service, service
from tests.support.stores import StoreSettings

PRODUCT = "tests.users.product:app"
PAGE = "https://page.example"


Shared = Callable[[str, StoreSettings, bool], Service]


@pytest.fixture(scope="session")
def _products() -> Iterator[Shared]:
    """One node of the product for each store, with tokens and without, started when first asked for."""
    running: dict[tuple[str, bool], Service] = {}

    def get(name: str, store: StoreSettings, tokens: bool) -> Service:
        if (name, tokens) not in running or not running[name, tokens].alive:
            more: dict[str, Any] = (
                {"session_tokens": "true", "cors_origins": PAGE} if tokens else {}
            )
            running[name, tokens] = service(app=PRODUCT, **store, **more).start()
        return running[name, tokens]

    yield get
    for each in running.values():
        each.close()


@pytest.fixture
def product(store_name: str, any_store: StoreSettings, _products: Shared) -> Iterator[Service]:
    """A node of the product on each store in turn; shared as `node` is."""
    with _products(store_name, any_store, False).watched() as shared:
        yield shared


@pytest.fixture
def token_product(
    store_name: str, any_store: StoreSettings, _products: Shared
) -> Iterator[Service]:
    """The same with SESSION_TOKENS, for pages on PAGE."""
    with _products(store_name, any_store, True).watched() as shared:
        yield shared


@pytest.fixture
async def ann(product: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the product with an empty jar."""
    async with http_client(product.url) as client:
        yield client


@pytest.fixture
async def other(product: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Another one."""
    async with http_client(product.url) as client:
        yield client
