"""Files of up to 5 MB: sent by HTTP, announced in the channel, and safe to look at.

What a browser may show in the page is decided by the first bytes of a file, not by what its sender says that
it is. All else is handed out as a download of no type, in a sandbox.
"""

import secrets
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi_mooring import EmitterDep, UserDep, idempotent

from .content_types import DOWNLOAD, SHOWN, content_type
from .database import Database, DatabaseDep, in_thread
from .errors import NoSuchThingError, TooLargeError
from .messages import add
from .models import ChannelName, Draft, DraftId, FileName, Message
from .rooms import room

router = APIRouter(tags=["files"])

MAX_BYTES = 5_000_000

BYTES = {"type": "string", "format": "binary"}


@router.post(
    "/channels/{channel}/files",
    status_code=201,
    dependencies=[Depends(idempotent)],
    openapi_extra={"requestBody": {"required": True, "content": {DOWNLOAD: {"schema": BYTES}}}},
)
async def upload(
    *,
    channel: ChannelName,
    name: FileName,
    request: Request,
    idempotency_key: Annotated[DraftId, Header(alias="Idempotency-Key")],
    user: UserDep,
    db: DatabaseDep,
    emitter: EmitterDep,
) -> Message:
    """Send a file, which is the body of the request, to a channel.

    A repeat with the same key is answered as the first one was; with another file it is refused.
    """
    content = await _content(request)
    draft = Draft(id=idempotency_key, channel=channel, text=name)
    file = {
        "id": secrets.token_urlsafe(16),
        "name": name,
        "type": content_type(content),
        "size": len(content),
        "content": content,
    }
    message = await in_thread(add, db, draft, user, kind="file", file=file)
    await emitter.emit("message", message, to=room(message.channel))
    return message


@router.get("/files/{file}", response_class=Response)
def download(file: str, user: UserDep, db: DatabaseDep) -> Response:
    """A file, for members of the channel that it was sent to."""
    found = _find(db, file, user)
    shown = found["type"] in SHOWN
    how = "inline" if shown else "attachment"
    return Response(
        found["content"],
        media_type=found["type"],
        headers={
            "Content-Disposition": f"{how}; filename*=UTF-8''{quote(found['name'], safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, max-age=86400",
        },
    )


def _find(db: Database, file: str, user: str) -> dict[str, Any]:
    found = db.row(
        "SELECT file.* FROM file JOIN message ON message.file = file.id"
        " JOIN member ON member.channel = message.channel WHERE file.id = :file AND person = :user",
        file=file,
        user=user,
    )
    if found is None:
        raise NoSuchThingError
    return found


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            raise TooLargeError
    return bytes(content)
