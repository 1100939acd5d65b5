"""WebSocket frames (RFC 6455, 5.2): their boundaries, and plain ones.

A plain frame is a whole text of at most 64 KiB. All others are for the library.
"""

from websockets.frames import apply_mask  # type: ignore[attr-defined] # in C where there is a compiler

_PLAIN, _CLOSE = 0x81, 0x88
"""FIN and no reserved bit; a text, or a close."""

_FIN, _OPCODE, _CONTROL = 0x80, 0x0F, (0x9, 0xA)
_MASKED = 0x80
_LENGTH = 0x7F
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_HEAD = 6
"""Bytes before the payload of a client's short frame."""
LONGEST_ALONE = _HEAD + _TWO_BYTES - 1
"""Bytes of the longest frame that `read_alone` reads."""
_SHORT_HEADS = [bytes((_PLAIN, length)) for length in range(_TWO_BYTES)]
_MAX_PLAIN_BYTES = 0xFFFF

CLOSES = {b"": 1005, (1000).to_bytes(2, "big"): 1000, (1001).to_bytes(2, "big"): 1001}
"""The usual payloads of a client's close, and the code that each means (RFC 6455, 7.4.1)."""


def end_of(data: bytes | bytearray, start: int) -> int | None:
    """Return where the frame ends that begins at `start`, be it complete or not; None if its head is not."""
    if len(data) < start + 2:
        return None
    second = data[start + 1]
    mask = 4 if second & _MASKED else 0
    length = second & _LENGTH
    if length < _TWO_BYTES:
        return start + 2 + mask + length
    head = start + (4 if length == _TWO_BYTES else 10)
    if len(data) < head:
        return None
    return head + mask + int.from_bytes(data[start + 2 : head], "big")


def read_plain(data: bytes | bytearray, start: int, end: int) -> str | None:
    """Return the text of a client's plain frame; None if it is none, or no UTF-8."""
    second = data[start + 1]
    if data[start] != _PLAIN or second < _MASKED or second == _MASKED | _EIGHT_BYTES:
        return None
    mask = start + (2 if second < _MASKED | _TWO_BYTES else 4)
    try:
        return str(_unmask(data, mask, end), "utf-8")
    except UnicodeDecodeError:
        return None


def read_alone(data: bytes) -> str | None:
    """Return the text of a client's plain frame if it is short, and all of the data; else None."""
    size = len(data)
    if not _HEAD <= size <= LONGEST_ALONE:
        return None
    if data[0] != _PLAIN or data[1] != _MASKED | (size - _HEAD):
        return None
    try:
        return str(apply_mask(data[_HEAD:], data[2:_HEAD]), "utf-8")
    except UnicodeDecodeError:
        return None


def _unmask(data: bytes | bytearray, mask: int, end: int) -> bytes:
    return apply_mask(data[mask + 4 : end], data[mask : mask + 4])


def is_idle(data: bytes | bytearray, start: int, end: int, tiny: int) -> bool:
    """Return True for a ping, a pong, and a fragment of fewer bytes than `tiny`, which carry nothing."""
    first = data[start]
    if first & _FIN:
        return first & _OPCODE in _CONTROL
    return end - start < tiny


def read_close(data: bytes | bytearray, start: int, end: int) -> bytes | None:
    """Return the payload of a client's close, if it is one of `CLOSES`; else None."""
    if data[start] != _CLOSE or data[start + 1] < _MASKED:
        return None
    payload = _unmask(data, start + 2, end)
    return payload if payload in CLOSES else None


def write_close(payload: bytes) -> bytes:
    """Return a server's close with the same payload as the client's."""
    return bytes((_CLOSE, len(payload))) + payload


def write_plain(text: str) -> bytes | None:
    """Return a server's plain frame; None for more than 64 KiB."""
    payload = text.encode()
    length = len(payload)
    if length < _TWO_BYTES:
        return _SHORT_HEADS[length] + payload
    if length <= _MAX_PLAIN_BYTES:
        return bytes((_PLAIN, _TWO_BYTES)) + length.to_bytes(2, "big") + payload
    return None
