"""JSON schemas of many types, in which two models of one name are two."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import TypeAdapter

from .payloads import PayloadType

_REF = "#/components/schemas/{model}"

Document = dict[str, Any]
Mode = Literal["validation", "serialization"]


class SchemaTable:
    """The schemas of all types that are added, before `make` is called.

    Attributes:
        definitions: those of models, by name; names are longer where two modules have the same.
    """

    def __init__(self) -> None:
        self._types: dict[tuple[int, Mode], TypeAdapter[Any]] = {}
        self._schemas: dict[tuple[int, Mode], Document] = {}
        self.definitions: Document = {}

    def add_all(self, types: Iterable[tuple[PayloadType, Mode]]) -> None:
        """Add types, and whether values of them come or go."""
        for type_, mode in types:
            self._types[id(type_), mode] = type_.adapter

    def make(self) -> None:
        """Make all schemas."""
        inputs = [(key, key[1], adapter) for key, adapter in self._types.items()]
        made, more = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self._schemas = {key: schema for (key, _mode), schema in made.items()}
        self.definitions = more.get("$defs", {})

    def get(self, type_: PayloadType, mode: Mode) -> Document:
        """Return the schema of a type that was added."""
        return self._schemas[id(type_), mode]

    def examples(self, schema: Document) -> list[Any]:
        """Return a type's examples, or one that is made of its members' examples."""
        found: list[Any] = schema.get("examples", [])
        if found:
            return found
        if schema.get("type") == "null":
            return [None]
        if "$ref" in schema:
            return self.examples(self.definitions[schema["$ref"].rpartition("/")[2]])
        if "oneOf" in schema:
            return [example for each in schema["oneOf"] for example in self.examples(each)]
        members = {name: self.examples(each) for name, each in schema.get("properties", {}).items()}
        if not members or not all(members.values()):
            return []
        return [{name: each[0] for name, each in members.items()}]
