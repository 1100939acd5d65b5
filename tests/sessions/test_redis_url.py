"""REDIS_URL: what it may be, what is refused at start, and what an error says of it."""

import pytest

from app.backends import open_backend
from app.sessions.redis_cluster import ClusterLink
from app.sessions.redis_link import RedisLink
from app.sessions.redis_sentinel import SentinelLink
from app.sessions.redis_url import connect

GOOD = {
    "redis://localhost": RedisLink,
    "redis://localhost:6379/3?wait_replicas=1": RedisLink,
    "redis://user:p%2Fw%23@host:6380/0?client_name=mooring": RedisLink,
    "rediss://host?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false": RedisLink,
    "unix:///run/redis.sock?db=2": RedisLink,
    "redis+sentinel://a,b:26380/mymaster": SentinelLink,
    "redis+sentinel://u:p@a:1,b:2/mymaster/3?wait_replicas=1&sentinel_password=x": SentinelLink,
    "rediss+sentinel://a/mymaster?ssl_ca_certs=/etc/ca.pem": SentinelLink,
    "redis+cluster://a:1,b": ClusterLink,
    "rediss+cluster://u:p@a:1/0?ssl_ca_certs=/etc/ca.pem&wait_replicas=1": ClusterLink,
}

BAD = {
    "": "write redis://",
    "localhost:6379": "write redis://",
    "http://localhost": "write redis://",
    "redis://[::1": "no URL",
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

UNESCAPED = ["redis://:s3cret/x@host", "redis://:s3cret?x@host", "redis+cluster://u:s3cret/x@host"]


@pytest.mark.parametrize("url", GOOD)
async def test_a_url_is_what_it_says(url: str) -> None:
    link = connect(url)
    assert type(link) is GOOD[url]
    await link.aclose()


@pytest.mark.parametrize("url", BAD)
def test_a_wrong_url_is_refused_in_one_line_that_names_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_URL: ") as error:
        open_backend("redis", redis_url=url, lifetime=60)
    assert BAD[url] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", UNESCAPED)
def test_a_password_that_breaks_the_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_URL: ") as error:
        open_backend("redis", redis_url=url, lifetime=60)
    assert "s3cret" not in str(error.value)


def test_options_and_credentials_reach_the_connection() -> None:
    link = connect("rediss+sentinel://u:p%2Fw@a/s/3?client_name=n&ssl_check_hostname=false")
    assert isinstance(link, SentinelLink)
    connection = link.new_connection()
    known = (connection.username, connection.password, connection.db, connection.client_name)
    assert known == ("u", "p/w", 3, "n")
