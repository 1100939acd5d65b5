"""REDIS_URL, and the prefix of a worker: what they may be, what is refused, and what an error says of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio.connection import UnixDomainSocketConnection

from app import Emitter, SyncEmitter, Users
from app.backends import backend_factory
from app.redis.cluster import ClusterClient
from app.redis.connection import PipelinedConnection
from app.redis.sentinel import SentinelConnection
from app.redis.url import connect

GOOD = {
    "redis://localhost": PipelinedConnection,
    "redis://localhost:6379/3?wait_replicas=1": PipelinedConnection,
    "redis://user:p%2Fw%23@host:6380/0?client_name=mooring": PipelinedConnection,
    "rediss://host?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false": PipelinedConnection,
    "unix:///run/redis.sock?db=2": PipelinedConnection,
    "redis+sentinel://a,b:26380/mymaster": SentinelConnection,
    "redis+sentinel://u:p@a:1,b:2/mymaster/3?wait_replicas=1&sentinel_password=x": SentinelConnection,
    "rediss+sentinel://a/mymaster?ssl_ca_certs=/etc/ca.pem": SentinelConnection,
    "redis+cluster://a:1,b": ClusterClient,
    "rediss+cluster://u:p@a:1/0?ssl_ca_certs=/etc/ca.pem&wait_replicas=1": ClusterClient,
}

BAD = {
    "": "write redis://",
    "localhost:6379": "write redis://",
    "http://localhost": "write redis://",
    "redis://[::1": "not a URL",
    "redis://host:port": "port",
    "redis://host:99999": "port",
    "redis://host/sessions": "database",
    "redis://a:1,b:2/0": "several hosts",
    "redis://host?wait_replica=1": "option",
    "redis://host?wait_replicas=all": "wait_replicas",
    "redis://host?wait_replicas=-1": "wait_replicas",
    "redis://host?ssl_ca_certs=/etc/ca.pem": "option",
    "rediss://host?ssl_cert_reqs=sometimes": "option",
    "redis+sentinel://a:1,b:2": "/service",
    "redis+sentinel://a:1/mymaster/first": "database",
    "redis+sentinel:///mymaster": "host",
    "redis+sentinel://a,,b/mymaster": "host",
    "redis+sentinel://a:x/mymaster": "port",
    "redis+cluster://": "host",
    "redis+cluster://a/1": "databases",
    "redis+cluster://a?db=1": "databases",
}

NO_STRINGS = [
    (SecretStr("redis://:s3cret@host"), "not a SecretStr: write .*get_secret_value"),
    (b"redis://host", "not a bytes$"),
    (None, "not a NoneType$"),
]

UNESCAPED = [
    "redis://:s3cret?x@host",
    "redis+cluster://u:s3cret?x@host",
    "redis+sentinel://:s3cret?@a/b",
]

PASSWORDS = ["p/w", "/", "a@b", "a#b", "a:b/@c", "100%", "p%2Fw", "[::1]", "ä/ß"]


@pytest.mark.parametrize("url", GOOD)
async def test_a_url_is_what_it_says(url: str) -> None:
    connection = connect(url)
    assert type(connection) is GOOD[url]
    await connection.aclose()


@pytest.mark.parametrize(("url", "says"), NO_STRINGS)
@pytest.mark.parametrize("connects", [Emitter.connect, SyncEmitter.connect, Users.connect])
def test_what_is_no_string_is_refused_and_not_repeated(
    url: Any, says: str, connects: Callable[[str], object]
) -> None:
    with pytest.raises(TypeError, match=says) as error:
        connects(url)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("url", BAD)
def test_a_wrong_url_is_refused_in_one_line_that_names_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_URL: ") as error:
        backend_factory("redis", redis_url=url, prefix="mooring", lifetime=60)
    assert BAD[url] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", UNESCAPED)
def test_a_password_that_breaks_the_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_URL: ") as error:
        backend_factory("redis", redis_url=url, prefix="mooring", lifetime=60)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("scheme", ["redis://u:{}@host:1/3", "redis+sentinel://u:{}@a,b:2/s/3"])
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_may_stand_as_it_is_or_in_percent_codes(scheme: str, password: str) -> None:
    for written in (password, quote(password, safe="")):
        client = connect(scheme.format(written))
        assert isinstance(client, PipelinedConnection)
        connection = client.new_connection()
        assert (connection.username, connection.password) in [
            ("u", unquote(password)),
            ("u", password),
        ]
        assert connection.db == 3


@given(st.text(st.characters(exclude_characters="?%", codec="utf-8"), min_size=1))
def test_any_password_without_a_question_mark_or_percent_sign_is_read_as_it_stands(
    password: str,
) -> None:
    assume(not set(password) & set("\t\r\n") and password == password.strip())
    client = connect(f"redis://u:{password}@host:1/0")
    assert isinstance(client, PipelinedConnection)
    assert client.new_connection().password == password


def test_an_at_sign_in_the_path_of_a_socket_is_no_password() -> None:
    client = connect("unix:///run/redis@1.sock?db=2")
    assert isinstance(client, PipelinedConnection)
    connection = client.new_connection()
    assert isinstance(connection, UnixDomainSocketConnection)
    assert (connection.path, connection.password) == ("/run/redis@1.sock", None)


def test_options_and_credentials_reach_the_connection() -> None:
    client = connect("rediss+sentinel://u:p%2Fw@a/s/3?client_name=n&ssl_check_hostname=false")
    assert isinstance(client, SentinelConnection)
    connection = client.new_connection()
    known = (connection.username, connection.password, connection.db, connection.client_name)
    assert known == ("u", "p/w", 3, "n")


WRONG_PREFIXES: list[tuple[Any, type[Exception], str]] = [
    ("", ValueError, "^prefix: write a word without spaces and braces$"),
    ("my shop", ValueError, "^prefix: write a word"),
    ("{shop}", ValueError, "^prefix: write a word"),
    ("a\x01b", ValueError, "^prefix: write a word"),
    ("x" * 65, ValueError, "^prefix: write a word"),
    (None, TypeError, "^the prefix of keys is a string, not a NoneType$"),
    (b"shop", TypeError, "not a bytes$"),
]


@pytest.mark.parametrize(("prefix", "kind", "says"), WRONG_PREFIXES)
@pytest.mark.parametrize("connects", [Emitter.connect, SyncEmitter.connect, Users.connect])
def test_a_worker_takes_no_prefix_that_an_app_cannot_have(
    prefix: Any, kind: type[Exception], says: str, connects: Callable[..., object]
) -> None:
    with pytest.raises(kind, match=says):
        connects("redis://host", prefix=prefix)
