"""The origin that the service itself has in a request, by what it and its proxies say."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.types import Scope

_HOST = b"host"
_FOR = b"x-forwarded-for"
_FORWARDED = b"forwarded"
_FORWARDED_HOST = b"x-forwarded-host"
_FORWARDED_PORT = b"x-forwarded-port"
_FORWARDED_PROTO = b"x-forwarded-proto"
_BY_PROXIES = {_FORWARDED, _FORWARDED_HOST, _FORWARDED_PORT, _FORWARDED_PROTO}
_READ = {_HOST, _FOR, *_BY_PROXIES}

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_NAME = r"[\w!#$%&'*+.^`|~-]"
_PAIR = re.compile(rf'(?<!{_NAME})({_NAME}++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;,"\s]*+)')
"""One `name=value` of RFC 7239, whichever element of the list it is in.

Names are tried from their first character alone: proxies pass this field on as a client has sent it, and
a long one would take seconds otherwise.
"""
_PORT = re.compile(r":\d+$")

Said = Mapping[bytes, str]
"""Header fields by their name; all lines of one are joined, as they are one list (RFC 9110, 5.3)."""


class OwnOrigin:
    """Recognises the service's own origin.

    Proxies are believed where the connection comes from one that is trusted. In a list the first
    value counts: it is from the proxy that browsers speak to, while later ones are of hops inside.
    A client may have put a value in front, but no page can: a header that is not its own takes a
    preflight, and who is no browser could as well make up the `Origin`.

    Args:
        trusted_proxies: addresses and networks, as in TRUSTED_PROXIES.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._networks = [ip_network(each) for each in trusted_proxies]
        self._trusts = lru_cache(maxsize=4096)(self._is_listed)

    def is_of(self, origin: str, scope: Scope) -> bool:
        """Return True if a page of this origin comes from the service itself."""
        scheme, _, host = origin.partition("://")
        if not host:
            return False
        said = _said(scope)
        if not (said.keys() & _BY_PROXIES and self._trusts_sender(scope, said)):
            return scheme == _scheme(scope) and host == _folded(said.get(_HOST, ""), scheme)
        forwarded = _forwarded(said.get(_FORWARDED, ""))
        proto = _first(said.get(_FORWARDED_PROTO, "")) or forwarded.get("proto", "")
        if scheme != (_SCHEMES.get(proto.lower()) or _scheme(scope)):
            return False
        return any(host == _folded(each, scheme) for each in _hosts(said, forwarded, scheme))

    def _trusts_sender(self, scope: Scope, said: Said) -> bool:
        """Return True if a connection comes from a trusted proxy.

        Servers that trust one (uvicorn's `--forwarded-allow-ips`) have put the address that it
        forwards in the place of its own: with its port or, as no connection has, with port 0.
        """
        client = scope.get("client")
        if client is None:
            return False
        host, port = client
        return port == 0 or self._trusts(host) or _is_forwarded(host, port, said.get(_FOR, ""))

    def _is_listed(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)


def _said(scope: Scope) -> dict[bytes, str]:
    said: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            text = value.decode("latin-1")
            said[name] = f"{said[name]}, {text}" if name in said else text
    return said


def _scheme(scope: Scope) -> str:
    given: str = scope["scheme"]
    return _SCHEMES.get(given, given)


def _hosts(said: Said, forwarded: Mapping[str, str], scheme: str) -> Iterator[str]:
    """Yield what may be the host and the port that browsers have, by what trusted proxies say."""
    host = said.get(_HOST, "")
    named = _first(said.get(_FORWARDED_HOST, "")) or forwarded.get("host", "")
    port = _first(said.get(_FORWARDED_PORT, ""))
    outer = named or host
    yield f"{outer}:{port}" if port.isdigit() and not _PORT.search(outer) else outer
    # nginx' $server_port where TLS has ended in front of it: with https it is never the browser's.
    if scheme == "https" and (port == "80" or outer.endswith(":80")):
        yield outer.removesuffix(":80")
    # nginx' $host, which many write into X-Forwarded-Host, has lost the port that Host still has.
    if not port and named.lower() == _PORT.sub("", host).lower():
        yield host


def _folded(host: str, scheme: str) -> str:
    """Return a host as it stands in an origin: in lower case, without the port that its scheme has anyway."""
    return host.strip().lower().removesuffix(_DEFAULT_PORTS.get(scheme, " "))


def _first(values: str) -> str:
    return next((each for value in values.split(",") if (each := value.strip())), "")


def _forwarded(values: str) -> dict[str, str]:
    """Return the first value of each parameter in a Forwarded field (RFC 7239)."""
    found: dict[str, str] = {}
    for name, value in _PAIR.findall(values):
        found.setdefault(name.lower(), value.strip('"').replace("\\", ""))
    return found


def _is_forwarded(host: str, port: int, addresses: str) -> bool:
    written = {f"{host}:{port}", f"[{host}]:{port}"}
    return any(each.strip() in written for each in addresses.split(","))
