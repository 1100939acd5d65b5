"""HTTP as a browser without scripts does it: a client with a cookie jar, and what it was told to keep."""

import asyncio
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from tests.support.eventually import PATIENCE
from tests.support.issued import note_issued

PROBLEM = "application/problem+json"


def http_client(
    url: str, *, cookie: str | None = None, jarless: bool = False, **options: object
) -> httpx.AsyncClient:
    """A client with an empty jar, to be entered; `cookie` is sent as it stands, past the jar.

    A `jarless` one keeps none, whatever it is told to.
    """
    headers = {} if cookie is None else {"cookie": cookie}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    # Without TLS there is nothing to verify, and to load the certificates takes its time.
    settings: dict[str, object] = {
        "timeout": 2 * PATIENCE,
        "trust_env": False,
        "limits": limits,
        "verify": False,
    }
    settings |= {"event_hooks": {"response": [note_cookies]}}
    if jarless:
        settings["cookies"] = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(base_url=url, headers=headers, **(settings | options))  # type: ignore[arg-type] # of many types


async def begin(
    client: httpx.AsyncClient, method: str, address: str, **how: Any
) -> asyncio.Task[httpx.Response]:
    """Send a request whose answer may be long in coming; return when it has been sent."""
    sent = asyncio.Event()

    async def note(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            sent.set()

    request = client.request(method, address, extensions={"trace": note}, **how)
    asking = asyncio.create_task(request)
    asking.add_done_callback(lambda _: sent.set())
    async with asyncio.timeout(2 * PATIENCE):
        await sent.wait()
    return asking


@dataclass(frozen=True)
class SetCookie:
    """One Set-Cookie header."""

    name: str
    value: str
    attributes: dict[str, str | None]
    """Names in lower case; None for one that has no value, such as HttpOnly."""

    @property
    def pair(self) -> str:
        """As a Cookie header carries it."""
        return f"{self.name}={self.value}"

    @property
    def max_age(self) -> int | None:
        """Max-Age in seconds, if there is one."""
        text = self.attributes.get("max-age")
        return None if text is None else int(text)

    @property
    def clears(self) -> bool:
        """Whether a browser drops the cookie on this."""
        return self.max_age is not None and self.max_age <= 0


def parse_set_cookie(header: str) -> SetCookie:
    """Read one Set-Cookie header value."""
    pair, *attributes = header.split(";")
    name, _, value = pair.strip().partition("=")
    return SetCookie(name, value, dict(_attribute(each) for each in attributes))


def set_cookies(response: httpx.Response) -> list[SetCookie]:
    """Every Set-Cookie of a response, in order."""
    return [parse_set_cookie(header) for header in response.headers.get_list("set-cookie")]


def the_set_cookie(response: httpx.Response) -> SetCookie:
    """The one Set-Cookie of a response; fails if there is none or a second."""
    cookies = set_cookies(response)
    assert len(cookies) == 1, f"{len(cookies)} Set-Cookie headers: {cookies}"
    return cookies[0]


def cookie_header(client: httpx.AsyncClient) -> str:
    """What the client's jar would send."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and type of an error, which must be an RFC 9457 problem."""
    content_type = response.headers["content-type"]
    assert content_type.startswith(PROBLEM), f"{response.status_code} {content_type}"
    body = response.json()
    assert body["status"] == response.status_code
    return response.status_code, body["type"]


async def note_cookies(response: httpx.Response) -> None:
    """Note the session ids that a response sets, so that they are looked for in logs (issued.py)."""
    note_issued(response.headers.get_list("set-cookie"))


def _attribute(text: str) -> tuple[str, str | None]:
    name, equals, value = text.strip().partition("=")
    return name.lower(), value if equals else None
