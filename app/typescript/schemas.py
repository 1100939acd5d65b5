"""JSON schemas as TypeScript types."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")


def type_of(schema: Schema | bool) -> str:
    """Return the type of a schema, which refers to others by names of types; `unknown` for an empty one."""
    if isinstance(schema, bool) or not schema:
        return "unknown"
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return union(json.dumps(each) for each in schema["enum"])
    for word, join in (("anyOf", union), ("oneOf", union), ("allOf", intersection)):
        if word in schema:
            return join(map(type_of, schema[word]))
    return _by_kind(schema)


def declaration(name: str, schema: Schema) -> str:
    """Return the exported declaration of a named schema."""
    comment = documentation(schema.get("description", ""))
    if schema.get("type") == "object" and "properties" in schema:
        return f"{comment}export interface {name} {_members(schema)}\n"
    return f"{comment}export type {name} = {type_of(schema)};\n"


def property_name(name: str) -> str:
    """Return a member's name, in quotes where it has to be."""
    return name if _IDENTIFIER.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def union(types: Iterable[str]) -> str:
    """Return one of several types."""
    return " | ".join(dict.fromkeys(types)) or "never"


def intersection(types: Iterable[str]) -> str:
    """Return all of several types."""
    return " & ".join(dict.fromkeys(f"({each})" if " | " in each else each for each in types))


def array_of(item: str) -> str:
    """Return the type of an array."""
    return f"({item})[]" if re.search(r"[ |&]", item) else f"{item}[]"


def documentation(text: str, indent: str = "") -> str:
    """Return a comment that editors show; nothing for an empty text."""
    if not text:
        return ""
    lines = text.replace("*/", "* /").splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    body = "\n".join(f"{indent} * {line}".rstrip() for line in lines)
    return f"{indent}/**\n{body}\n{indent} */\n"


def _by_kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return union(type_of({**schema, "type": each}) for each in kind)
    if kind == "string" and schema.get("format") == "binary":
        return "Uint8Array"
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return _object(schema)
    return _PLAIN.get(kind or "", "unknown")


def _array(schema: Schema) -> str:
    first = [type_of(each) for each in schema.get("prefixItems", ())]
    items = type_of(schema.get("items", {}))
    if not first:
        return array_of(items)
    required = schema.get("minItems", 0)
    parts = [each if index < required else f"({each})?" for index, each in enumerate(first)]
    if "maxItems" not in schema:
        parts.append(f"...{array_of(items)}")
    return f"[{', '.join(parts)}]"


def _object(schema: Schema) -> str:
    if "properties" in schema:
        return _members(schema)
    values = schema.get("additionalProperties", True)
    return f"Record<string, {type_of(values)}>"


def _members(schema: Schema) -> str:
    required = schema.get("required", ())
    lines = []
    for name, each in schema["properties"].items():
        optional = "" if name in required else "?"
        comment = documentation(each.get("description", ""), "  ")
        lines.append(f"{comment}  {property_name(name)}{optional}: {type_of(each)};\n")
    if schema.get("additionalProperties", False) not in (False, None):
        lines.append("  [name: string]: unknown;\n")
    return "{\n" + "".join(lines) + "}"
