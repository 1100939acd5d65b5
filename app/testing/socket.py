"""A client of Socket.IO that tests drive, in the words and with the habits of the JavaScript one."""

import json
import math
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any, Protocol, TypeVar

from socketio import packet

from ..article import kind_of
from .changes import WITHIN, Changes
from .connection import LOST, Connection, Message
from .handshake import ConnectError, Refusal
from .node import Node

Found = TypeVar("Found")

_OPEN, _PING, _PONG, _MESSAGE = "0", "2", "3", "4"
_GOING_AWAY = 1001


class Opener(Protocol):
    """Opens connections with the cookies of a browser."""

    def open(self, node: Node, receive: Callable[[Message], None]) -> Connection:
        """Open a connection to the Socket.IO server of a node."""

    def keep_cookies(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep the cookies of an answer."""

    def node(self, node: int | None) -> Node:
        """Return the node of a number, or the browser's own."""

    def now(self) -> float:
        """Return the time by which heartbeats go, in seconds."""


class ClientSocket:
    """A socket of a browser, in one namespace, by WebSocket. `Browser.connect` makes it.

    It does not reconnect by itself: `reconnect` does, with what the JavaScript client would send.

    Attributes:
        namespace: that it is in.
        auth: what it sends with its CONNECT packet: a dict that JSON has, or a function that returns one.
        sid: its id, None while it is not connected.
        recovered: it came back, and has missed nothing.
        received: all events, in order: each a tuple of its name and its arguments.
        reason: why it was disconnected, in the words of the JavaScript client; None while it is connected.
        answers: what to answer an event with that asks for an ack, by its name: a function of its arguments,
            and no coroutine function. What it raises is raised by whatever waits for the socket next, or by
            the end of the TestApp.
        answers_pings: whether it answers heartbeats.
    """

    def __init__(
        self, browser: Opener, namespace: str, auth: Any, failures: list[BaseException]
    ) -> None:
        _check_namespace(namespace)
        self.namespace = namespace
        self.auth = auth
        self.sid: str | None = None
        self.recovered = False
        self.received: list[tuple[Any, ...]] = []
        self.reason: str | None = None
        self.answers: dict[str, Callable[..., Any]] = {}
        self.answers_pings = True
        self._browser = browser
        self._connection: Connection | None = None
        self._pid: str | None = None
        self._offset: str | None = None
        self._error: BaseException | None = None
        self._failure: BaseException | None = None
        self._failures = failures
        self._refusal = Refusal()
        self._incomplete: packet.Packet | None = None
        self._ping_by = self._ping_within = math.inf
        self._ids = count()
        self._acks: dict[int, list[Any]] = {}
        self._taken: dict[str, int] = {}
        self._changes = Changes("a socket", self._state)

    @property
    def connected(self) -> bool:
        """Whether it is connected to its namespace."""
        return self.sid is not None

    async def reconnect(
        self, *, node: int | None = None, auth: Any = None, within: float = WITHIN
    ) -> None:
        """Connect, again if it was connected before; return when the namespace has let it in.

        Args:
            node: its number; the browser's own if None is given.
            auth: to send from now on; as before if None is given.
            within: seconds of real time to wait for it.

        Raises:
            ConnectError: it is refused.
            ConnectionError: the node does not run, or the connection was lost meanwhile.
            TypeError: the auth is no dict that JSON has.
            ValueError: there is no such node.
        """
        if self._connection is not None:
            raise RuntimeError("the socket has a connection already")
        if auth is not None:
            self.auth = auth
        self._error = self.reason = self._incomplete = None
        self._refusal = Refusal()
        self._connection = self._browser.open(self._browser.node(node), self._handle)
        await self._until(self._has_settled, within, "an answer to its CONNECT")
        if self._error is not None:
            raise self._error
        if not self.connected:
            raise ConnectionResetError(f"not connected: {self.reason}")

    def emit(self, event: str, *args: Any) -> None:
        """Send an event, without an ack."""
        self._send(packet.Packet(packet.EVENT, [event, *args], self.namespace))

    async def call(self, event: str, *args: Any, within: float = WITHIN) -> Any:
        """Send an event; return the arguments of its ack: one as it is, several as a tuple.

        Args:
            event: its name.
            *args: its arguments.
            within: seconds of real time to wait for it.

        Raises:
            ConnectionError: the socket was disconnected first.
            AssertionError: there is none in time.
        """
        number = next(self._ids)
        self._send(packet.Packet(packet.EVENT, [event, *args], self.namespace, number))
        return _arguments(
            await self._until(lambda: self._ack(number), within, f"an ack of {event!r}")
        )

    async def expect(
        self, event: str, where: Callable[..., object] | None = None, *, within: float = WITHIN
    ) -> Any:
        """Return the arguments of the next event of a name: one as it is, several as a tuple.

        Each event is returned once, in order. With `where` those are passed over for which it, called with
        their arguments, returns something false.

        Args:
            event: its name.
            where: which of them.
            within: seconds of real time to wait for it.

        Raises:
            AssertionError: there is none in time; the message names what has come.
        """
        return _arguments(await self._until(lambda: self._next(event, where), within, f"{event!r}"))

    async def disconnected(self, within: float = WITHIN) -> str:
        """Return why the socket was disconnected, as soon as it is.

        Args:
            within: seconds of real time to wait for it.

        Raises:
            AssertionError: it is not in time.
        """
        return await self._until(lambda: self.reason, within, "to be disconnected")

    def disconnect(self) -> None:
        """Send a DISCONNECT, and close the connection: `io client disconnect`."""
        if self._connection is not None:
            if self.connected:
                self._send(packet.Packet(packet.DISCONNECT, namespace=self.namespace))
            self._close("io client disconnect", _GOING_AWAY)

    def cut(self) -> None:
        """Lose the connection, without a DISCONNECT: `transport close`."""
        self._close("transport close", LOST)

    def check_heartbeat(self) -> bool:
        """Close the connection, `ping timeout`, if the heartbeat is late; return whether it was."""
        is_late = self._browser.now() > self._ping_by
        if is_late:
            self._close("ping timeout", _GOING_AWAY)
        return is_late

    def _handle(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._browser.keep_cookies(message.get("headers", ()))
            case "websocket.send":
                self._handle_frame(message.get("text") or message.get("bytes") or b"")
            case "websocket.http.response.start" | "websocket.http.response.body":
                self._browser.keep_cookies(message.get("headers", ()))
                self._error = self._refusal.add(message)
                if self._error is not None:
                    self._close("transport error", None)
            case "websocket.close":
                self._close("transport close", None)
        self._changes.wake()

    def _handle_frame(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            if self._incomplete is not None and self._incomplete.add_attachment(frame):
                self._handle_packet(self._incomplete)
            return
        kind = frame[:1]
        if kind == _OPEN:
            opened = json.loads(frame[1:])
            self._ping_within = (opened["pingInterval"] + opened["pingTimeout"]) / 1000
            self._await_ping()
            self._connect()
        elif kind == _PING:
            self._await_ping()
            if self.answers_pings:
                self._send_frame(_PONG)
        elif kind == _MESSAGE:
            self._incomplete = packet.Packet(encoded_packet=frame[1:])
            if not self._incomplete.attachment_count:
                self._handle_packet(self._incomplete)

    def _await_ping(self) -> None:
        self._ping_by = self._browser.now() + self._ping_within

    def _connect(self) -> None:
        try:
            auth = _checked(self.auth() if callable(self.auth) else self.auth)
        except BaseException as error:  # noqa: BLE001 - `reconnect` raises it; pytest.fail's is no Exception
            self._error = error
            self._close("io client disconnect", _GOING_AWAY)
            return
        if self._pid is not None:
            auth = {"pid": self._pid, "offset": self._offset} | (auth or {})
        self._send(packet.Packet(packet.CONNECT, auth, self.namespace))

    def _handle_packet(self, received: packet.Packet) -> None:
        self._incomplete = None
        if (received.namespace or "/") != self.namespace:
            return
        match received.packet_type:
            case packet.CONNECT:
                self._connected(received.data)
            case packet.CONNECT_ERROR:
                self._error = ConnectError(
                    received.data.get("message", ""), received.data.get("data")
                )
                self._close("transport close", _GOING_AWAY)
            case packet.DISCONNECT:
                self._close("io server disconnect", _GOING_AWAY)
            case packet.EVENT | packet.BINARY_EVENT:
                self._event(received)
            case packet.ACK | packet.BINARY_ACK:
                self._acks[received.id] = received.data

    def _connected(self, answer: dict[str, str]) -> None:
        pid = answer.get("pid")
        self.recovered = pid is not None and pid == self._pid
        self._pid = pid
        self.sid = answer["sid"]

    def _event(self, received: packet.Packet) -> None:
        event, *args = received.data
        self.received.append((event, *args))
        if self._pid is not None and args and isinstance(args[-1], str):
            self._offset = args[-1]
        if received.id is not None and event in self.answers:
            try:
                self._answer(event, args, received.id)
            # Not on the event loop, but in the test.
            except BaseException as error:  # noqa: BLE001 - that of pytest.fail is no Exception
                self._failure = error
                self._failures.append(error)

    def _answer(self, event: str, args: Sequence[Any], number: int) -> None:
        answer = self.answers[event](*args)
        if isinstance(answer, Coroutine):
            answer.close()
            raise TypeError(f"answers[{event!r}] is a coroutine function: write a plain one")
        data = list(answer) if isinstance(answer, tuple) else [answer]
        self._send(packet.Packet(packet.ACK, data, self.namespace, number))

    def _send(self, sent: packet.Packet) -> None:
        encoded = sent.encode()
        head, *attachments = encoded if isinstance(encoded, list) else [encoded]
        self._send_frame(_MESSAGE + head)
        for each in attachments:
            self._send_frame(each)

    def _send_frame(self, frame: str | bytes) -> None:
        if self._connection is None:
            raise ConnectionResetError(f"the socket is not connected: {self.reason}")
        self._connection.send(frame)

    def _close(self, reason: str, code: int | None) -> None:
        """Note that it is disconnected; with a code end the connection, too."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._ping_by = math.inf
        if code is not None:
            connection.end(code)
        self.sid, self.reason = None, reason
        self._changes.wake()

    def _has_settled(self) -> bool | None:
        return True if self.connected or self._error or self.reason else None

    def _ack(self, number: int) -> list[Any] | None:
        if number in self._acks:
            return self._acks.pop(number)
        if not self.connected:
            raise ConnectionResetError(f"disconnected before the ack: {self.reason}")
        return None

    def _next(self, event: str, where: Callable[..., object] | None) -> Sequence[Any] | None:
        first = self._taken.get(event, 0)
        for place, (name, *args) in enumerate(self.received[first:], first + 1):
            if name == event and (where is None or where(*args)):
                self._taken[event] = place
                return args
        return None

    async def _until(self, find: Callable[[], Found | None], within: float, what: str) -> Found:
        """Return what `find` finds, when it does."""

        def check() -> Found | None:
            found = find()
            if found is None:
                self._raise_failure()
            return found

        return await self._changes.until(check, within, what)

    def _state(self) -> str:
        state = "it is connected" if self.connected else "it is not connected yet"
        if self.reason is not None:
            state = f"disconnected: {self.reason}"
        return f"{state}, and has received {self.received}"

    def _raise_failure(self) -> None:
        """Raise what a function of `answers` has raised, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            self._failures.remove(failure)
            raise failure


def _check_namespace(namespace: object) -> None:
    if not isinstance(namespace, str):
        raise TypeError(
            f"a namespace is a string: write connect('/chat', auth=…), not {kind_of(namespace)}"
        )
    if not namespace.startswith("/"):
        raise ValueError(f"{namespace!r} is no namespace: it begins with /, as in connect('/chat')")


def _checked(auth: Any) -> Any:
    """Return what a client can send as `auth`; raise TypeError for what would end the connection."""
    if not isinstance(auth, dict | None):
        raise TypeError(
            f"auth= takes a dict, such as {{'token': '…'}}, or a function that returns one, "
            f"not {kind_of(auth)}"
        )
    try:
        json.dumps(auth)
    except (TypeError, ValueError) as error:
        raise TypeError(f"auth= takes a dict that JSON has: {error}") from None
    return auth


def _arguments(args: Sequence[Any]) -> Any:
    if len(args) == 1:
        return args[0]
    return tuple(args) if args else None
