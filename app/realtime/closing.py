"""The one place that closes a socket because its session, or this node, comes to an end."""

import logging
from typing import Any

from socketio import packet

from app.realtime.metrics import CLOSED_BY
from app.realtime.moorings import MooredSocket
from app.realtime.server import SocketServer
from app.sessions import EndReason
from app.sessions.ids import short

logger = logging.getLogger(__name__)

SESSION_ENDED = "session ended"

_FINAL = {EndReason.LOGOUT, EndReason.REVOKED}
"""After these the client is not to come back by itself; after all others it is."""


async def let_go(server: SocketServer, socket: MooredSocket, reason: EndReason) -> None:
    """Tell a socket that it is let go, and close its transport, whichever it is.

    A final reason is sent as a DISCONNECT packet: the JavaScript client reports `io server
    disconnect` and stays away. All others close the transport alone: it reports `transport close`
    and reconnects. A socket that is not yet connected could be told neither; it is marked, and let
    go when it is (see SessionNamespace). Waits for nothing that a client does.
    """
    if not socket.connected:
        socket.doomed = reason
        return
    transport = server.eio.sockets.get(socket.eio_sid)
    if transport is None or transport.closing:
        return
    logger.info(
        "socket let go",
        extra={
            "socket": socket.sid,
            "session": short(socket.mooring.key),
            "reason": str(reason),
        },
    )
    _post(server, socket, packet.EVENT, [SESSION_ENDED, {"reason": reason}])
    if reason in _FINAL:
        _post(server, socket, packet.DISCONNECT)
    CLOSED_BY[reason].inc()
    await transport.close(reason=server.reason.SERVER_DISCONNECT)


def _post(server: SocketServer, socket: MooredSocket, kind: int, data: Any = None) -> None:
    server.post_packet(socket.eio_sid, server.packet_class(kind, data=data))
