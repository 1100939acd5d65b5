"""Routes, from the OpenAPI document to the `paths` that openapi-fetch takes."""

from collections.abc import Mapping
from typing import Any

from .names import with_type_names
from .schemas import declaration, documentation, property_name, type_of

Document = Mapping[str, Any]

_PLACES = ("query", "header", "path", "cookie")
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def route_types(document: Document) -> str:
    """Return the module of all routes: their parameters, bodies and answers."""
    document = with_type_names(document, {"paths"})
    definitions = document["components"]["schemas"]
    parts = [declaration(name, schema) for name, schema in definitions.items()]
    paths = "".join(_path(path, item) for path, item in document.get("paths", {}).items())
    return "\n".join([*parts, f"export interface paths {{\n{paths}}}\n"])


def _path(path: str, item: Document) -> str:
    operations = "".join(_method(method, item.get(method)) for method in _METHODS)
    parameters = _parameters(item.get("parameters", ()))
    return f"  {property_name(path)}: {{\n    parameters: {parameters};\n{operations}  }};\n"


def _method(method: str, operation: Document | None) -> str:
    if operation is None:
        return f"    {method}?: never;\n"
    comment = documentation(operation.get("description", ""), "    ")
    return f"{comment}    {method}: {_operation(operation)};\n"


def _operation(operation: Document) -> str:
    body = operation.get("requestBody")
    optional = "" if body and body.get("required") else "?"
    answers = "; ".join(
        f"{status}: {{ headers: Record<string, unknown>; {_content(answer)} }}"
        for status, answer in operation["responses"].items()
    )
    return (
        f"{{ parameters: {_parameters(operation.get('parameters', ()))}; "
        f"requestBody{optional}: {'{ ' + _content(body) + ' }' if body else 'never'}; "
        f"responses: {{ {answers} }} }}"
    )


def _content(part: Document) -> str:
    if not part.get("content"):
        return "content?: never"
    types = "; ".join(
        f"{property_name(media)}: {type_of(each.get('schema', {}))}"
        for media, each in part["content"].items()
    )
    return f"content: {{ {types} }}"


def _parameters(parameters: Any) -> str:
    places = []
    for place in _PLACES:
        found = [each for each in parameters if each["in"] == place]
        members = "; ".join(map(_parameter, found))
        needed = any(each.get("required") for each in found)
        mark = "" if needed else "?"
        places.append(f"{place}{mark}: {{ {members} }}" if found else f"{place}?: never")
    return "{ " + "; ".join(places) + " }"


def _parameter(parameter: Document) -> str:
    optional = "" if parameter.get("required") else "?"
    return f"{property_name(parameter['name'])}{optional}: {type_of(parameter.get('schema', {}))}"
