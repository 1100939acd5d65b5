"""Types of what events carry: arguments are validated strictly, values are dumped, bytes stay bytes."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType
from typing import Any

import orjson
from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python

from ..article import kind_of

PLAIN_TYPES = {bool, int, str, NoneType}
"""Types whose values are JSON as they are."""

_KEPT = PLAIN_TYPES | {float, bytes}
_MARK = "\x00bytes %d\x00"


class PayloadType:
    """The type of an argument or a result.

    Args:
        hint: the annotation.

    Attributes:
        adapter: Pydantic's.

    Raises:
        PydanticUserError: Pydantic cannot validate it.
    """

    __slots__ = ("_binary", "_open", "adapter", "plain")

    def __init__(self, hint: Any) -> None:
        self.adapter: TypeAdapter[Any] = TypeAdapter(hint)
        self.plain: type | None = None
        self._note_kinds()

    def is_complete(self) -> bool:
        """Return False if a forward reference in it stands for nothing yet."""
        if not self.adapter.pydantic_complete:
            self.adapter.rebuild(force=True, raise_errors=False)
            self._note_kinds()
        return self.adapter.pydantic_complete

    def _note_kinds(self) -> None:
        self.plain = _plain_type(self.adapter.core_schema)
        kinds = set(_kinds(self.adapter.core_schema))
        self._binary = "bytes" in kinds
        self._open = bool(kinds & {"any", "is-instance"})

    def is_text(self) -> bool:
        """Return True if each of its values is a string as JSON, or null."""
        try:
            schema = self.adapter.json_schema(mode="serialization", schema_generator=_Quiet)
        except PydanticUserError:  # it has no schema, or not yet
            return self.plain is str
        return set(_json_kinds(schema, schema.get("$defs", {}))) - {"null"} == {"string"}

    def validate(self, value: Any) -> Any:
        """Return a value from a client; raise ValidationError. Strict: `"3"` is no int, a str no bytes.

        Where JSON has no type, as for times, UUIDs, members of an Enum and tuples, its form counts.
        """
        try:
            return self.adapter.validate_python(value, strict=True)
        except ValidationError as error:
            try:
                return self._validate_json(value, error)
            except RecursionError:
                raise error from None

    def dump(self, value: Any) -> Any:
        """Return a value of this type as JSON data, in which bytes stay bytes."""
        kind = type(value)
        if kind in PLAIN_TYPES or kind is bytes:
            return value
        if self._binary or self._open:
            return jsonable(self.adapter.dump_python(value))
        return self.adapter.dump_python(value, mode="json")

    def accept(self, value: Any) -> Any:
        """Validate a value of the application's, and return it as JSON data."""
        if type(value) is self.plain:
            return value
        return self.dump(self.adapter.validate_python(value))

    def _validate_json(self, value: Any, error: ValidationError) -> Any:
        marked: dict[str, bytes] = {}

        def mark(found: Any) -> str:
            if not isinstance(found, bytes):
                raise TypeError
            name = (_MARK % len(marked)).ljust(len(found), "~")
            marked[name] = found
            return name

        try:
            written = orjson.dumps(value, mark)
        except TypeError:
            raise error from None
        found = self.adapter.validate_json(written, strict=True)
        if not self._binary and not marked:
            return found
        return _unmark(found, marked, error)


def payload_type(hint: Any, refuse: Callable[[str], Exception]) -> PayloadType:
    """Return the type of an annotation; raise what `refuse` makes of a message if it is not for events."""
    try:
        return PayloadType(hint)
    except PydanticUserError as error:
        raise refuse(f"has a type that is not for events: {hint!r}") from error


def jsonable(value: Any) -> Any:
    """Return any value as JSON data, in which bytes stay bytes; raise TypeError for what has no such form."""
    kind = type(value)
    if kind in _KEPT:
        return value
    if kind is list or kind is tuple:
        return [jsonable(each) for each in value]
    if kind is dict:
        return {
            name if type(name) is str else str(to_jsonable_python(name)): jsonable(each)
            for name, each in value.items()
        }
    return _jsonable_object(value)


def jsonable_all(event: str, values: Sequence[Any]) -> list[Any]:
    """Return the arguments of an event as JSON data; raise TypeError that names the first that is none."""
    try:
        return [jsonable(each) for each in values]
    except (TypeError, ValueError):
        raise_naming(event, [jsonable] * len(values), values)
        raise


def raise_naming(event: str, accept: Sequence[Callable[[Any], Any]], values: Sequence[Any]) -> None:
    """Raise the error of the first argument of an event that is not accepted, and name it.

    Raises:
        ValidationError: it does not fit its type; a note names it.
        TypeError: it has no form in JSON.
    """
    for number, (each, value) in enumerate(zip(accept, values, strict=True), 1):
        what = f"argument {number} of the event {event!r}"
        try:
            each(value)
        except ValidationError as error:
            error.add_note(what)
            raise
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what}: {error}") from error


def _jsonable_object(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return jsonable(value.model_dump())
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {each.name: jsonable(getattr(value, each.name)) for each in fields}
    if isinstance(value, Mapping):
        return jsonable(dict(value))
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(each) for each in value]
    try:
        return to_jsonable_python(value)
    except ValueError as error:  # PydanticSerializationError is one
        raise TypeError(f"{kind_of(value)} has no form in JSON") from error


def _plain_type(schema: Any) -> type | None:
    """Return the type of a schema that takes all of its values, as they are; None for any other."""
    if not isinstance(schema, dict) or not schema.keys() <= _SAYS_NOTHING:
        return None
    return _PLAIN_KINDS.get(schema.get("type", ""))


_PLAIN_KINDS: dict[str, type] = {"bool": bool, "int": int, "str": str, "none": NoneType}
_SAYS_NOTHING = {"type", "metadata", "ref", "strict"}
"""Keys of a schema without constraints: a description, say, or an example."""


class _Quiet(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - its base's


def _json_kinds(schema: Any, definitions: Mapping[str, Any]) -> Iterator[str]:
    """Yield the types that values of a JSON schema may have; empty for any, or one that is not known."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        others = {each: found for each, found in definitions.items() if each != name}
        yield from _json_kinds(definitions.get(name, {}), others)
    elif "anyOf" in schema or "oneOf" in schema:
        for each in schema.get("anyOf", schema.get("oneOf")):
            yield from _json_kinds(each, definitions)
    else:
        yield "" if schema.get("format") == "binary" else schema.get("type", "")


def _kinds(schema: Any) -> Iterator[str]:
    """Yield the kinds of all schemas within one of Pydantic's."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for each in schema.values():
            yield from _kinds(each)
    elif isinstance(schema, list | tuple):
        for each in schema:
            yield from _kinds(each)


def _unmark(value: Any, marked: Mapping[str, bytes], error: ValidationError) -> Any:
    """Put bytes in the place of their marks; raise the error where one became text, or text bytes."""

    def put(found: Any) -> Any:
        if isinstance(found, bytes):
            name = found.decode(errors="replace")
            if name not in marked:
                raise error
            return marked[name]
        if isinstance(found, str) and found in marked:
            raise error
        if isinstance(found, dict):
            return {put(name): put(each) for name, each in found.items()}
        if isinstance(found, list | set | frozenset) or type(found) is tuple:
            return type(found)(put(each) for each in found)
        if isinstance(found, BaseModel) or dataclasses.is_dataclass(found):
            _replace_fields(found, put)
        return found

    return put(value)


def _replace_fields(value: Any, put: Callable[[Any], Any]) -> None:
    for name, each in vars(value).items():
        new = put(each)
        if new is not each:
            object.__setattr__(value, name, new)
