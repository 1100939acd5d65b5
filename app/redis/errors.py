"""Errors of the Redis client.

RedisClientError
├── RedisUnavailableError   no reply came; the command may or may not have been executed
└── RedisReplyError         the server replied with an error: nothing was written
    ├── UnknownScriptError  EVALSHA named a script that the server does not have
    └── RedirectError       another node of the Cluster has the key's slot
"""

from redis.exceptions import AskError, MovedError, NoScriptError, ResponseError


class RedisClientError(Exception):
    """Base of all errors of the Redis client."""


class RedisUnavailableError(RedisClientError):
    """No reply came in time, or the connection was lost. A write may have been executed."""


class RedisReplyError(RedisClientError):
    """The server replied with an error; the message is the server's own, its code included."""


class UnknownScriptError(RedisReplyError):
    """The server does not have the script: it is new, or was restarted."""


class RedirectError(RedisReplyError):
    """The key's slot is, or may be, at another node; the command was not executed.

    Attributes:
        host: the other node, empty if it is the one that was asked.
        port: its port.
        ask: True for ASK (this command alone), False for MOVED (the map is out of date).
    """

    def __init__(self, text: str, *, host: str, port: int, ask: bool) -> None:
        super().__init__(text)
        self.host = host
        self.port = port
        self.ask = ask


def reply_error(error: ResponseError) -> RedisReplyError:
    """Return the error of this client for one that redis-py read from a reply."""
    text = reply_text(error)
    match error:
        case AskError():  # MovedError is a subclass
            moved = isinstance(error, MovedError)
            return RedirectError(text, host=str(error.host), port=int(error.port), ask=not moved)
        case NoScriptError():
            return UnknownScriptError(text)
    return RedisReplyError(text)


def reply_text(error: ResponseError) -> str:
    """Return the reply as the server wrote it: redis-py strips the codes that it knows."""
    code = error.status_code
    return f"{code} {error}" if code and code != "ERR" else str(error)
