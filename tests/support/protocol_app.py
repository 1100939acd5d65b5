"""The service for the protocols' suites: with a short heartbeat, and events that send back what came.

python -m tests.support.protocol_app, with the settings of the service. With ENGINE_ECHO=1 its Engine.IO
sends each message back, and there is no Socket.IO above it.
"""

import os
import sys
from functools import partial
from typing import Any

from engineio import packet
from pydantic import JsonValue

from app import EmitterDep, EventRouter, SessionDep, SocketDep
from app.__main__ import main
from app.example.events import events
from app.realtime.engineio.server import EngineServer

PING_INTERVAL = 0.8
PING_TIMEOUT = 1.0
CONNECT_TIMEOUT = 3.0

events.sends("message-back", JsonValue)


@events.on("message")
async def message(value: JsonValue, session: SessionDep, emitter: EmitterDep) -> None:
    """Send back what came."""
    await emitter.publish("message-back", value, session=session)


@events.on("message-with-ack")
async def message_with_ack(value: JsonValue) -> JsonValue:
    """Acknowledge with what came."""
    return value


@events.on("7")
async def seven() -> str:
    """Take an event whose name is a number, or the same in quotes."""
    return "seven"


@events.on("message-with-binary-ack")
async def message_with_binary_ack(*values: Any) -> tuple[Any, ...]:
    """Acknowledge with all that came."""
    return values


events.sends("bytes-back", JsonValue, bytes, bytes)


@events.on("bytes")
async def send_bytes_back(value: JsonValue, *parts: bytes, socket: SocketDep) -> None:
    """Send back bytes that came."""
    await socket.emit("bytes-back", value, *parts)


custom = EventRouter(namespace="/custom")


@custom.on_connect
async def greet(socket: SocketDep, auth: dict[str, Any]) -> None:
    """Send what the client said of itself."""
    await socket.emit("auth", auth)


@custom.on("message")
async def custom_message(value: JsonValue, socket: SocketDep) -> None:
    """Send back what came."""
    await socket.emit("message-back", value)


@custom.on("message-with-ack")
async def custom_ack(value: JsonValue) -> JsonValue:
    """Acknowledge with what came."""
    return value


@custom.on("leave")
async def leave(socket: SocketDep) -> str:
    """Disconnect the sender from this namespace."""
    await socket.disconnect()
    return "bye"


events.include_router(custom)


async def _send_back(server: EngineServer, sid: str, data: str | bytes) -> None:
    server.sockets[sid].send_nowait(packet.Packet(packet.MESSAGE, data))


def _echo_engine() -> None:
    on = EngineServer.on

    def echo_on(server: EngineServer, event: str, handler: Any) -> None:
        on(server, event, partial(_send_back, server) if event == "message" else handler)

    EngineServer.on = echo_on  # type: ignore[method-assign,assignment] # in this process alone


if __name__ == "__main__":
    os.environ |= {
        "PING_INTERVAL": str(PING_INTERVAL),
        "PING_TIMEOUT": str(PING_TIMEOUT),
        "CONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
    }
    if os.environ.get("ENGINE_ECHO"):
        os.environ["CONNECT_TIMEOUT"] = "60"
        _echo_engine()
    sys.exit(main())
