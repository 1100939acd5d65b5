"""`rediss://`: the server has to prove who it is."""

from collections.abc import Iterator

import pytest

from app import RedisStore
from app.redis.url import connect
from app.sessions import StoreUnavailableError
from app.testing.contracts.store_base import DATA, HOUR, new_key
from tests.support.certificates import Certificate, self_signed
from tests.support.processes import free_port
from tests.support.servers import StoreServer, redis_binary

pytestmark = pytest.mark.xdist_group("redis_tls")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The server's certificate."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def address(certificate: Certificate) -> Iterator[str]:
    """Where a server speaks TLS; clients need no certificate."""
    port = free_port()
    server = StoreServer(
        redis_binary(),
        more=[
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(certificate.file)),
            *("--tls-key-file", str(certificate.key)),
        ],
    )
    server.start()
    yield f"127.0.0.1:{port}"
    server.close()


async def test_a_server_with_a_trusted_certificate_is_used(
    address: str, certificate: Certificate
) -> None:
    store = RedisStore(connect(f"rediss://{address}/0?ssl_ca_certs={certificate.file}"))
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    await store.aclose()


async def test_a_server_with_an_untrusted_certificate_is_refused(address: str) -> None:
    store = RedisStore(connect(f"rediss://{address}/0"))
    with pytest.raises(StoreUnavailableError, match="certificate"):
        await store.ping()
    await store.aclose()


async def test_a_server_of_another_name_is_refused(address: str, certificate: Certificate) -> None:
    elsewhere = address.replace("127.0.0.1", "localhost")
    store = RedisStore(connect(f"rediss://{elsewhere}/0?ssl_ca_certs={certificate.file}"))
    with pytest.raises(StoreUnavailableError, match="certificate"):
        await store.ping()
    await store.aclose()
