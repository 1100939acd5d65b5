"""The names of rooms."""


def room(channel: str) -> str:
    """Return the room in which the sockets of a channel's members are."""
    return f"channel:{channel}"
