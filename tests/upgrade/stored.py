"""What the release left in a store and in browsers, put back as if it had been written just now."""

import json
import re
import time
from pathlib import Path
from typing import Any

from tests.support.servers import StoreServer

_CAPTURED = json.loads((Path(__file__).parent / "release-0.1.json").read_text())
_RECORD = re.compile(r"^R(\d+) (\d+) (\d+) ")

COOKIES: dict[str, str] = _CAPTURED["cookies"]
"""Cookie header fields, by what had become of the session: `counted`, `before rotation` ...

They are signed with the secret that all nodes of tests have.
"""


def keys(kind: str) -> dict[str, Any]:
    """Return the captured keys of a type of Redis, and what stood under them."""
    return {each["key"]: each["value"] for each in _CAPTURED["keys"] if each["type"] == kind}


def messages() -> list[tuple[str, bytes]]:
    """Return the messages on the bus, each with the node that sent it."""
    [entries] = keys("stream").values()
    found = []
    for _offset, (_o, node, *fields) in entries:
        found += [
            (node, text.encode())
            for name, text in zip(fields[::2], fields[1::2], strict=True)
            if name == "m"
        ]
    return found


_PUT_STREAM_BACK = """
-- In one step: a node may put something newer into it at any time.
redis.call('DEL', KEYS[1])
for _, entry in ipairs(cjson.decode(ARGV[1])) do redis.call('XADD', KEYS[1], entry[1], unpack(entry[2])) end
"""


def put_back(server: StoreServer) -> None:
    """Write all keys into an empty server. Their times are moved to the present."""
    moved = int(time.time() * 1000) - _CAPTURED["captured_at"]
    for each in _CAPTURED["keys"]:
        key, value = each["key"], each["value"]
        match each["type"]:
            case "string":
                server.command("SET", key, _moved(value, moved))
            case "hash":
                server.command("HSET", key, *(word for pair in value.items() for word in pair))
            case "stream":
                server.command("EVAL", _PUT_STREAM_BACK, 1, key, json.dumps(value))
        if each["pttl"] >= 0:
            server.command("PEXPIRE", key, each["pttl"])


def _moved(value: str, by: int) -> str:
    """Move the times in a record; a tombstone has none."""
    return _RECORD.sub(
        lambda found: f"R{found[1]} {int(found[2]) + by} {int(found[3]) + by} ", value
    )
