"""What a client may make a node hold or do, in one place.

Limits that settings have are not here: MAX_PACKET_BYTES, MAX_BODY_BYTES, SESSION_MAX_SOCKETS and others.
What happens beyond each limit stands in docs/operations.md.
"""

UNSENT_BYTES = 4_000_000
"""Of one socket, packets that its client has not read: beyond them it is closed."""

WAITING_EVENT_BYTES = 500_000
"""Of one socket, events that wait for their handler, as objects: beyond them no more is read."""

LARGE_EVENT_BYTES = 16 * 1024
"""A packet of more characters is decoded when its turn has come, and is kept as text until then."""

EVENT_CONTAINERS = 50_000
"""Arrays and objects in one large packet: a megabyte of them takes twenty of memory, and long to decode."""

DECODED_BYTES = 20_000_000
DECODED_SECONDS = 0.5
"""Of a node, large events that are decoded at once, as objects; and how long they may keep others waiting."""

ATTACHMENTS = 10
"""Of one event."""

ATTACHED_BYTES = 4_000_000
"""Of one client address, events with attachments until they are decoded: beyond them the oldest one alone is
read on."""

LARGE_MESSAGE_BYTES = 64 * 1024
LARGE_MESSAGES = 4
"""Of one client address, larger messages that are being received: beyond them no more is read."""

POSTED_BYTES = 4_000_000
"""Of one client address, bodies of polls that are being received: beyond them no more is read."""

IDLE_PACKETS, IDLE_PACKETS_SECONDS = 1_000, 10.0
"""Of one connection, pings, pongs, tiny fragments and packets that nobody asked for, in so many seconds:
beyond them it is closed with 1008. A proper client sends a handful."""

TINY_FRAGMENT_BYTES = 128
"""A fragment of fewer carries next to nothing; messages are fragmented for their size."""

FRAMES_PER_TURN = 64
"""Of one connection, frames that are parsed in one turn of the event loop."""

WORK_SECONDS = 0.001
"""Of one socket, events and packets are handled for so long before others have their turn."""

PIPELINED_BYTES = 4_000_000
"""Of one client address, requests that wait for the ones before them: beyond them a connection is closed when
its present request has been answered."""

CARRIED_REQUESTS = 50_000
CARRIED_BYTES = 32_000_000
"""Of a node, requests that it holds while another node, which has their sockets, serves them; and the bodies
of posts among them. Beyond the one they get 503, beyond the other no more is sent on."""

BODY_SECONDS = 20.0
"""In which the body of a poll's post has to come whole."""

STALLED_BYTES, STALLED_SECONDS = 8 * 1024, 30.0
"""Of a body that is awaited, and of a response or of frames that are sent, so much has to get through in so
many seconds. It is 270 bytes a second."""

LAST_BYTES_SECONDS = 10.0
"""A WebSocket that was closed is gone after so long, whether its client has read all or not."""

LINES, LINES_SECONDS = 20, 1.0
"""Log lines of one kind in so many seconds; the next one says how many were left unsaid."""
