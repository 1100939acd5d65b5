"""Write the types of an app, or of documents that it has served.

python -m fastapi_mooring.typescript shop.main:app --to web/src/generated
python -m fastapi_mooring.typescript asyncapi.json openapi.json --to web/src/generated
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .events import event_types
from .routes import route_types

_BANNER = "// Made by `{command}`; what is written by hand here is lost.\n\n"


def main(arguments: list[str] | None = None) -> int:
    """Write `events.d.ts` and `routes.d.ts`; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fastapi_mooring.typescript", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("source", nargs="+", help="module:app, or asyncapi.json and openapi.json")
    parser.add_argument("--to", type=Path, default=Path(), help="the folder; it is made")
    given = parser.parse_args(arguments)
    try:
        documents = [each for source in given.source for each in _documents(source)]
    except (OSError, ValueError, ImportError, AttributeError) as error:
        sys.stderr.write(f"cannot read what was named: {error}\n")
        return 2
    given.to.mkdir(parents=True, exist_ok=True)
    for document in documents:
        name, text = _module(document)
        (given.to / name).write_text(_BANNER.format(command=parser.prog) + text, encoding="utf-8")
    return 0


def _documents(source: str) -> list[Mapping[str, Any]]:
    if source.endswith(".json"):
        found: Mapping[str, Any] = json.loads(Path(source).read_text(encoding="utf-8"))
        return [found]
    module, _, name = source.partition(":")
    sys.path.insert(0, "")  # as `python -m` has it
    app = getattr(importlib.import_module(module), name or "app")
    from ..mooring import mooring_of  # noqa: PLC0415 - documents of files need no app

    return [app.openapi(), mooring_of(app).asyncapi()]


def _module(document: Mapping[str, Any]) -> tuple[str, str]:
    if "asyncapi" in document:
        return "events.d.ts", event_types(document)
    if "openapi" in document:
        return "routes.d.ts", route_types(document)
    raise ValueError("a document is either AsyncAPI or OpenAPI")


if __name__ == "__main__":
    sys.exit(main())
