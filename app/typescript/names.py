"""Names of the types of a module: what has two names in a document has two in TypeScript."""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

_SCHEMAS = "#/components/schemas/"
_NOT_NAME = re.compile(r"\W+")
_LANGUAGE = (
    *("Record", "Uint8Array", "any", "bigint", "boolean", "never", "null", "number", "object"),
    *("string", "symbol", "undefined", "unknown", "void"),
)
"""What has a meaning in what is written here, or may name no type."""


def with_type_names(document: Mapping[str, Any], own: Iterable[str]) -> dict[str, Any]:
    """Return a document whose schemas are called as their types are.

    Args:
        document: an AsyncAPI or OpenAPI document.
        own: the names that the module declares beside the schemas.
    """
    components = document.get("components", {})
    schemas = components.get("schemas", {})
    names = _names_of(schemas, own)
    renamed = {names[name]: schema for name, schema in schemas.items()}
    whole = {**document, "components": {**components, "schemas": renamed}}
    found: dict[str, Any] = _referring(whole, {_SCHEMAS + old: new for old, new in names.items()})
    return found


def unused(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: with a number behind it where it is."""
    numbered = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
    return next(each for each in numbered if each not in taken)


def _names_of(schemas: Iterable[str], own: Iterable[str]) -> dict[str, str]:
    """Return the name of each schema's type; one that is a name as it stands comes first."""
    names: dict[str, str] = {}
    taken = {*own, *_LANGUAGE}
    for each in sorted(schemas, key=lambda each: (_NOT_NAME.search(each) is not None, each)):
        names[each] = unused(_NOT_NAME.sub("_", each), taken)
        taken.add(names[each])
    return names


def _referring(part: Any, names: Mapping[str, str]) -> Any:
    """Return a part of a document with its references to schemas by new names."""
    if isinstance(part, list):
        return [_referring(each, names) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _referring(each, names) for name, each in part.items()}
    reference = part.get("$ref")
    if isinstance(reference, str) and reference in names:
        made["$ref"] = _SCHEMAS + names[reference]
    return made
