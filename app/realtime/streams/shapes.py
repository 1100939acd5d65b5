"""What readers of a stream are sent, as types: for its declaration, the AsyncAPI document and TypeScript."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class _Part(BaseModel):
    stream: str = Field(description="The id of the stream.", examples=["q7Zs1nB0Yx4"])
    offset: int = Field(
        description="The number of the first item here, or of the one that is missing next.",
        examples=[0],
    )


class StreamItems(_Part, Generic[T]):
    """Items of a stream, in order. The next ones begin at `offset + items.length`."""

    # Pydantic does not hand the docstring on to the class of a certain T.
    model_config = ConfigDict(
        json_schema_extra={
            "description": "Items of a stream, in order. The next ones begin at `offset + items.length`."
        }
    )

    items: list[T]


class StreamDone(_Part):
    """The end of a stream: `offset` is the number of its items."""

    done: Literal[True]


class StreamProblem(BaseModel):
    """Why a stream has ended before its time."""

    type: str = Field(
        description=(
            "Stable name of the problem, for programs: `internal-error`, `cancelled`, `producer-gone`, "
            "`stream-lost`, or that of an EventError which the source has raised."
        ),
        examples=["producer-gone"],
    )
    detail: str = Field(
        description="What happened, for people.",
        examples=["The node that sent the stream has gone."],
    )


class StreamFailed(_Part):
    """The end of a stream that is not complete."""

    error: StreamProblem


class StreamMissed(_Part):
    """Items that are no longer kept: the client has come too late for them."""

    missed: int = Field(description="How many.", examples=[12])


def stream_of(item: Any) -> Any:
    """Return the type of what is sent of a stream of such items."""
    return StreamItems[item] | StreamDone | StreamFailed | StreamMissed
