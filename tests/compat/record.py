"""What is recorded of a name: how it is called, and a hash of its source."""

import hashlib
import importlib
import inspect
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from tests.compat.names import USED
from tests.compat.overrides import inherited

FILE = Path(__file__).with_name("recorded.json")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Entry(TypedDict):
    """One name. The signature is None for what is not called; the source for what is written in C."""

    signature: str | None
    source: str | None
    used_by: list[str]


def current() -> dict[str, Entry | None]:
    """Return the entries of all names with the libraries that are installed; None for a name that is gone."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for names in (USED, inherited()):
        for file, listed in names.items():
            for name in listed:
                users[name].add(file)
    return {name: _entry(name, sorted(files)) for name, files in sorted(users.items())}


def recorded() -> dict[str, Entry]:
    """Return the entries as they were when somebody last read the sources."""
    entries: dict[str, Entry] = json.loads(FILE.read_text())
    return entries


def update() -> None:
    """Record what there is now."""
    FILE.write_text(json.dumps(current(), indent=1) + "\n")


def changes(now: Mapping[str, Entry | None], before: Mapping[str, Entry]) -> list[str]:
    """Return a line for each name that is not as it was, with the files that rely on it."""
    lines = []
    for name in sorted({*now, *before}):
        there, known = now.get(name), before.get(name)
        change = _change(there, known, is_used=name in now)
        if change:
            files = (there or known or {"used_by": []})["used_by"]
            lines.append(f"{name} {change} ({', '.join(files)})")
    return lines


def _change(there: Entry | None, known: Entry | None, *, is_used: bool) -> str:
    if not is_used:
        return "is used no longer"
    if there is None:
        return "is gone"
    if known is None:
        return "is used and was never read"
    if there["signature"] != known["signature"]:
        return f"has another signature: {there['signature']}"
    return "" if there["source"] == known["source"] else "has another source"


def _entry(name: str, files: list[str]) -> Entry | None:
    try:
        found = _find(name)
    except (ImportError, AttributeError):
        return None
    return {"signature": _signature(found), "source": _source(found), "used_by": files}


def _find(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    while isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    return found.fget if isinstance(found, property) else found


def _signature(found: Any) -> str | None:
    if not callable(found):
        return None
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return None
    plain = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    bare = signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)
    return _ADDRESS.sub("", str(bare))


def _source(found: Any) -> str | None:
    try:
        source = inspect.getsource(found)
    except (OSError, TypeError):
        return None if callable(found) else _ADDRESS.sub("", repr(found))
    return hashlib.sha256(source.encode()).hexdigest()[:16]
