"""What a browser may show in the page, decided by the first bytes of a file."""

SHOWN = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}
"""Types with what their files begin with. SVG is none of them: it may have scripts in it."""

DOWNLOAD = "application/octet-stream"


def content_type(content: bytes) -> str:
    """Return the type under which a file is handed out."""
    return next((name for name, begin in SHOWN.items() if content.startswith(begin)), DOWNLOAD)
