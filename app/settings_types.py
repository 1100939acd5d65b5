"""Types of settings: what each kind of value is like, and what the message says if it does not."""

import re
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from .redis.prefix import check_prefix

_TEN_YEARS = 10 * 365 * 24 * 3600
_NOTHING = "none"
_COOKIE_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}"
_DOMAIN = r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_FACTORY = r"memory|redis|[A-Za-z_][\w.]*:[A-Za-z_]\w*"
_ATTRIBUTE = r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?"
_SEGMENTS = r"(/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~-]+)"
"""Without the segments `.` and `..`, which browsers remove."""
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'+.^_`|~-]+")
_PORT = r"(:(?P<port>\d{1,5}))?"
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    rf"(?P<host>(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]){_PORT}"
)
_OPAQUE_ORIGIN = re.compile(
    rf"(?P<scheme>(?!(https?|wss?|ftp|file):)[a-z][a-z0-9+.-]*)://(?P<host>[A-Za-z0-9._~-]+){_PORT}"
)
"""One of any other scheme than the web's: `app://.`. Browsers change nothing of its host."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65_535
_MOST_DOMAINS = 8
"""Each may cost a Set-Cookie in one response."""


def _split(value: Any) -> Any:
    if value == _NOTHING:
        return []
    if isinstance(value, str):
        return [part for item in value.split(",") if (part := item.strip())]
    return value


def _none_if_blank(value: Any) -> Any:
    return None if value in ("", _NOTHING) else value


def _matching(pattern: str, hint: str) -> AfterValidator:
    """Refuse what the pattern does not match as a whole, with a hint at what to write instead."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(hint)
        return value

    return AfterValidator(check)


def _cookie_name(name: str) -> str:
    if name.lower().startswith(("__host-", "__secure-")):
        raise ValueError("write the name without its prefix, which is added where it is right")
    return name


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_origin, origins))


def _origin(origin: str) -> str:
    """Return the origin as browsers send it: without the port that its scheme has anyway."""
    if origin == "null":
        return origin
    parts = _ORIGIN.fullmatch(origin) or _OPAQUE_ORIGIN.fullmatch(origin)
    if parts is None or int(parts["port"] or 0) > _MAX_PORT:
        raise ValueError(
            f"{origin!r} is no origin; write scheme://host[:port] in lower case, "
            "without a path, and never * alone"
        )
    _check_wildcard(origin, parts["host"])
    base = f"{parts['scheme']}://{parts['host']}"
    if parts["port"] is None:
        return base
    port = int(parts["port"])
    return base if port == _DEFAULT_PORTS.get(parts["scheme"]) else f"{base}:{port}"


def _check_wildcard(origin: str, host: str) -> None:
    if host.startswith("*.") and "." not in host[2:] and host != "*.localhost":
        raise ValueError(f"{origin!r} holds sites of everybody; write https://*.example.org")


def _field_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header's name; write X-Shop, X-Trace, and never *")
    return names


def _networks(proxies: tuple[str, ...]) -> tuple[str, ...]:
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError as error:
            raise ValueError(f"{error}; write addresses or networks, no host names") from None
    return proxies


Seconds = Annotated[float, Field(gt=0, le=_TEN_YEARS, allow_inf_nan=False)]
StoreName = Annotated[str, _matching(_FACTORY, "write memory, redis or package.module:factory")]
AppName = Annotated[str, _matching(_ATTRIBUTE, "write package.module:attribute")]
CookieName = Annotated[
    str,
    _matching(_COOKIE_NAME, "write letters, digits, - and _, at most 64"),
    AfterValidator(_cookie_name),
]
Domain = Annotated[
    Annotated[str, _matching(_DOMAIN, "write a host name such as example.org, or none")] | None,
    BeforeValidator(_none_if_blank),
]
_DomainName = Annotated[str, _matching(_DOMAIN, "write host names such as example.org, or none")]
Domains = Annotated[
    tuple[_DomainName, ...],
    NoDecode,
    BeforeValidator(_split),
    Field(max_length=_MOST_DOMAINS),
]
RootPath = Annotated[str, _matching(f"{_SEGMENTS}*", "write a path such as /api, or nothing")]
SocketPath = Annotated[str, _matching(f"{_SEGMENTS}+", "write a path such as /socket.io")]
RedisPrefix = Annotated[str, AfterValidator(check_prefix)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[Words, AfterValidator(_origins)]
FieldNames = Annotated[Words, AfterValidator(_field_names)]
Networks = Annotated[Words, AfterValidator(_networks)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
