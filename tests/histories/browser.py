"""The browser of one session: the ids that it was given, and requests whose answers are judged."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.histories.history import Dead, History, Kind, Operation, Outcome
from tests.support.issued import note_issued

REQUEST_SECONDS = 6.0
IN_DOUBT = {"store-unavailable", "request-under-way", "outcome-unknown"}
"""Types of problems behind which a request may have had its effect."""


@dataclass(frozen=True)
class Answer:
    """What came back: nothing if `status` is 0, which is `sent` or not."""

    status: int = 0
    body: Any = None
    cookie: str | None = None
    sent: bool = True

    @property
    def problem(self) -> str:
        """Return the type of an error."""
        return str(self.body.get("type", "")) if isinstance(self.body, dict) else ""

    def __str__(self) -> str:
        """Return what people want to know of it."""
        return f"{self.status} {self.problem}".strip() if self.status else "no answer"


class Browser:
    """Sends requests with the newest cookie, and notes in the history what they were answered."""

    def __init__(self, http: aiohttp.ClientSession, history: History) -> None:
        self.history = history
        self.cookies: list[str] = []
        self.on_cookie: list[Callable[[str], None]] = []
        """Called with each newer cookie."""
        self.moving = False
        """An answer with a newer id may be on its way."""
        self.lost = False
        """The newest id is dead: whoever has it begins anew."""
        self._http = http

    @property
    def id(self) -> int:
        """Return which id is the newest."""
        return len(self.cookies) - 1

    async def open(self, url: str, user: str | None) -> bool:
        """Open the session; return False if there is none."""
        answer = await self.send(url, "POST", "/open", {"user": user}, cookie="")
        if answer.status == 200 and answer.cookie:
            self.cookies = [answer.cookie]
            self.history.users = [user]
        return bool(self.cookies)

    async def ask(
        self,
        kind: Kind,
        node: int,
        url: str,
        *,
        number: int | None = None,
        once: str | None = None,
        user: str | None = None,
        patience: float = REQUEST_SECONDS,
    ) -> Operation:
        """Do one operation with the newest id, or an older one.

        Args:
            kind: what.
            node: whose URL it is.
            url: where.
            number: which id.
            once: the key of a request that is repeated.
            user: who signs in, or is banned.
            patience: seconds after which the client goes away without the answer.
        """
        number = self.id if number is None else number
        each = Operation(kind, node, number, time.monotonic(), once=once)
        self.history.operations.append(each)
        method, path, body = _request(kind, user)
        answer = await self.send(
            url, method, path, body, cookie=self.cookies[number], once=once, patience=patience
        )
        each.said = str(answer)
        if answer.status:
            each.returned = time.monotonic()
        self._judge(each, answer, user)
        return each

    async def send(
        self,
        url: str,
        method: str,
        path: str,
        body: object = None,
        *,
        cookie: str,
        once: str | None = None,
        patience: float = REQUEST_SECONDS,
    ) -> Answer:
        """Send a request, and return what came back."""
        headers = {"cookie": cookie} if cookie else {}
        if once is not None:
            headers["idempotency-key"] = once
        try:
            async with (
                asyncio.timeout(patience),
                self._http.request(method, url + path, json=body, headers=headers) as answer,
            ):
                set_cookies = answer.headers.getall("set-cookie", [])
                note_issued(set_cookies)
                found = None if answer.status == 204 else await answer.json(content_type=None)
                return Answer(answer.status, found, _new_cookie(set_cookies))
        except aiohttp.ClientConnectorError:
            return Answer(sent=False)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return Answer()

    def _add(self, cookie: str) -> None:
        self.cookies.append(cookie)
        for call in self.on_cookie:
            call(cookie)

    def _judge(self, each: Operation, answer: Answer, user: str | None) -> None:
        """Note what an answer says."""
        moves = each.kind in {Kind.ROTATE, Kind.SIGN_IN}
        if moves and answer.body is False:  # in a session of its own: there was none
            self.note_dead(each, Dead.STRANGER)
            return
        if moves and answer.cookie and answer.status in {200, 204, 503}:
            each.new_id = len(self.cookies)
            self._add(answer.cookie)
            signed_in = user if each.kind is Kind.SIGN_IN else self.history.users[each.id]
            self.history.users.append(signed_in)
        if not answer.status:
            each.outcome = Outcome.UNKNOWN if answer.sent else Outcome.FAILED
        elif answer.status in {200, 204}:
            self._judge_good(each, answer, moves=moves)
        elif answer.problem == "session-ended":
            self.note_dead(each, Dead.ENDED)
        elif answer.problem == "idempotency-needs-session":
            self.note_dead(each, Dead.STRANGER)
        elif answer.problem not in IN_DOUBT:
            each.outcome = Outcome.FAILED
            self.history.odd.append(f"a {each.kind} was answered {answer}")

    def _judge_good(self, each: Operation, answer: Answer, *, moves: bool) -> None:
        is_of_nobody = answer.body is None if each.kind is Kind.READ else bool(answer.cookie)
        if is_of_nobody and not moves:
            self.note_dead(each, Dead.STRANGER)
            return
        each.outcome = Outcome.OK
        if each.kind is Kind.READ:
            each.count, each.user = answer.body
        elif each.kind is Kind.INCREMENT:
            each.count = answer.body

    def note_dead(self, each: Operation, how: Dead) -> None:
        """Note that an id is that of no session."""
        each.outcome, each.dead = Outcome.ENDED, how
        if each.id == self.id and not self.moving:
            self.lost = True


def _request(kind: Kind, user: str | None) -> tuple[str, str, object]:
    match kind:
        case Kind.INCREMENT:
            return "POST", "/incr", None
        case Kind.READ:
            return "GET", "/view", None
        case Kind.ROTATE:
            return "POST", "/rotate", None
        case Kind.SIGN_IN:
            return "POST", "/sign-in", {"user": user}
        case Kind.LOGOUT:
            return "POST", "/logout", None
        case _:
            return "POST", f"/ban/{user}", None


def _new_cookie(headers: list[str]) -> str | None:
    """Return the pair of a Set-Cookie that does not clear it."""
    pairs = [each.partition(";")[0] for each in headers]
    return next((each for each in pairs if not each.endswith(("=", '=""'))), None)
