"""CLIENT_RATE: whose sessions and sockets are counted together."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.asgi.rate_limit import RateLimitExceededError, TokenBucketRateLimiter


def _share(one: str, other: str) -> bool:
    limiter = TokenBucketRateLimiter(1)
    limiter.check({"client": (one, 1)})
    try:
        limiter.check({"client": (other, 2)})
    except RateLimitExceededError:
        return True
    return False


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1:0:0:2", "2001:db8::2:0:0:3", True),
        ("2001:db8::1", "2001:DB8:0:0:ffff::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("not:an:address", "not:an:other", False),
    ],
)
def test_addresses_of_one_client_share_a_bucket(one: str, other: str, same: bool) -> None:
    assert _share(one, other) is same


addresses = st.integers(0, 2**128 - 1).map(IPv6Address)
near = st.builds(
    lambda network, host: IPv6Address((network << 64) | host),
    st.integers(0x2001 << 48, (0x2001 << 48) + 2),
    st.integers(0, 2**64 - 1),
)


@given(near | addresses, near | addresses, st.booleans())
def test_two_ipv6_addresses_share_one_if_they_are_of_one_64_however_they_are_written(
    one: IPv6Address, other: IPv6Address, exploded: bool
) -> None:
    written = other.exploded if exploded else str(other)
    same = other in IPv6Network((int(one) >> 64 << 64, 64))
    if one.ipv4_mapped or other.ipv4_mapped:
        return
    assert _share(str(one), written) is same


@given(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**32 - 1).map(IPv4Address))
def test_ipv4_addresses_have_a_bucket_each(one: IPv4Address, other: IPv4Address) -> None:
    assert _share(str(one), str(other)) is (one == other)
