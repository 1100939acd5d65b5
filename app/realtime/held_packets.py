"""What is to be sent to sockets while a node checks its sessions after a stop."""

from collections.abc import Callable

from .codec import Encoded

MAX_BYTES = 16_000_000

Send = Callable[[str, Encoded], None]


class HeldPackets:
    """Keeps packets in order, up to a limit for all sockets together.

    A socket whose packets find no room loses them: it is to be closed, so that its client knows that it
    has missed something. What is kept for one that is closed meanwhile needs no care: it is sent nothing.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._clear()

    def hold(self, eio_sid: str, encoded: Encoded) -> None:
        """Keep a packet, if there is room."""
        self._bytes += sum(len(part.data or "") for part in encoded)
        if self._bytes > self._max_bytes:
            self._overflowed.add(eio_sid)
        else:
            self._packets.append((eio_sid, encoded))

    def release(self, send: Send) -> set[str]:
        """Send what is kept; return the sockets that have overflowed, which get nothing."""
        packets, overflowed = self._packets, self._overflowed
        self._clear()
        for eio_sid, encoded in packets:
            if eio_sid not in overflowed:
                send(eio_sid, encoded)
        return overflowed

    def _clear(self) -> None:
        self._bytes = 0
        self._packets: list[tuple[str, Encoded]] = []
        self._overflowed: set[str] = set()
