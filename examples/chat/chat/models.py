"""What goes over the wire, by HTTP and by socket. The page's TypeScript types are made from it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
FileName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=120, pattern=r"^[^/\\\x00-\x1f\x7f]+$"
    ),
]
Number = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""What a browser and SQLite both have as an integer."""
DraftId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class SignIn(BaseModel):
    """Who somebody says to be."""

    name: Name


class Me(BaseModel):
    """Who is looking; nobody is without a sign-in."""

    name: str | None
    admin: bool = False


class Person(BaseModel):
    """Somebody who has signed in once, at least."""

    name: str
    admin: bool
    banned: bool
    online: bool


class Presence(BaseModel):
    """Somebody has come, or gone."""

    name: str
    online: bool


class NewChannel(BaseModel):
    """A channel that is to be."""

    name: ChannelName
    topic: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] = ""


class Channel(BaseModel):
    """A channel, as one person sees it."""

    name: str
    topic: str
    last: int
    """The number of its last message; they are numbered from 1 without a gap."""
    joined: bool
    read: int
    """The number of the last message that this person has read."""


class Draft(BaseModel):
    """A message as its author sends it."""

    id: DraftId
    """The same for all tries of one message."""
    channel: ChannelName
    text: Text


class Attachment(BaseModel):
    """A file of a message; its content is at /files/{id}."""

    id: str
    name: str
    type: str
    size: int
    image: bool
    """Whether a browser may show it in the page."""


class Message(BaseModel):
    """A message of a channel."""

    channel: str
    number: int
    kind: Literal["text", "file", "notice", "reminder"]
    author: str
    text: str
    sent_at: float
    """Seconds since the epoch."""
    draft: str
    file: Attachment | None = None


class History(BaseModel):
    """Messages in their order, and whether there are more in the direction that was asked for."""

    messages: list[Message]
    more: bool


class Typing(BaseModel):
    """Somebody types."""

    channel: str
    name: str


class Membership(BaseModel):
    """Somebody is in a channel now, or is no longer."""

    channel: str
    name: str
    joined: bool
    by: str
    """Who did it; an admin if it is somebody else."""


class ReadMark(BaseModel):
    """How far somebody has read, on whichever device."""

    channel: ChannelName
    number: Number


class NewReminder(BaseModel):
    """What is to be said later."""

    text: Text
    seconds: Annotated[int, Field(ge=1, le=30 * 86400)]
