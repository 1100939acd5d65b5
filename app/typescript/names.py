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
_RESERVED = {
    *("arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger"),
    *("default", "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally"),
    *("for", "function", "if", "implements", "import", "in", "instanceof", "interface", "let"),
    *("new", "null", "package", "private", "protected", "public", "return", "static", "super"),
    *("switch", "this", "throw", "true", "try", "typeof", "var", "void", "while", "with", "yield"),
}
"""What is a word of the language, of which Python knows nothing: no type and no parameter is called so."""


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


def argument_names(names: Iterable[str], own: Iterable[str]) -> list[str]:
    """Return a name for each argument of a function that has parameters of its own behind them."""
    taken = {*own, *_RESERVED}
    found: list[str] = []
    for each in names:
        found.append(unused(identifier(each), taken))
        taken.add(found[-1])
    return found


def identifier(name: str) -> str:
    """Return what can stand for a name in TypeScript, which lets none begin with a digit."""
    word = _NOT_NAME.sub("_", name)
    return f"_{word}" if word[:1].isdigit() else word


def _names_of(schemas: Iterable[str], own: Iterable[str]) -> dict[str, str]:
    """Return the name of each schema's type; one that is a name as it stands comes first."""
    names: dict[str, str] = {}
    taken = {*own, *_LANGUAGE, *_RESERVED}
    for each in sorted(schemas, key=lambda each: (_NOT_NAME.search(each) is not None, each)):
        names[each] = unused(identifier(each), taken)
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
