"""The one place that closes a socket because its session has ended, or this node stops."""

import logging

from ..sessions import EndReason
from ..sessions.ids import short
from .emitter import SESSION_ENDED
from .engineio.websocket import GOING_AWAY, NORMAL_CLOSURE
from .metrics import CLOSED_BY
from .sender import PacketSender
from .session_sockets import Connection

logger = logging.getLogger(__name__)

_FINAL = {EndReason.LOGOUT, EndReason.REVOKED}
"""After these the client is not to reconnect by itself; after all others it is."""


async def disconnect_socket(
    sender: PacketSender, connection: Connection, reason: EndReason
) -> None:
    """Send `session ended` to a connection's sockets, and close its transport, whichever it is.

    A final reason is sent as a DISCONNECT packet: the JavaScript client reports `io server
    disconnect` and does not reconnect. All others close the transport alone, in such a way that every
    client reconnects; the JavaScript one reports `transport close`. A connection of which no socket is
    connected yet can be sent neither; it is marked, and closed when one has connected (see Namespaces).
    Never waits for the client.
    """
    if not connection.connected or connection.ending:
        connection.pending_close = reason
        return
    transport = sender.engine.sockets.get(connection.eio_sid)
    if transport is None or transport.closing:
        return
    connection.closed_for = reason
    final = reason in _FINAL
    session = short(connection.session_sockets.key)
    for member in [each for each in connection.members.values() if each.connected]:
        logger.info(
            "socket disconnected",
            extra={"socket": member.sid, "session": session, "reason": str(reason)},
        )
        sender.send_last(member, SESSION_ENDED, {"reason": reason}, disconnects=final)
    CLOSED_BY[reason].inc()
    await transport.close(code=NORMAL_CLOSURE if final else GOING_AWAY, comes_back=not final)
