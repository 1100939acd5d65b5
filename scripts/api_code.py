"""Classes, methods and signatures as griffe has read them, as Python code for a page."""

import re
from collections.abc import Iterator

import griffe

_WIDTH = 92
_DEPENDS = re.compile(r"\b(Depends|Security)\([^()]*\)")
_ELLIPSIS = r"\1(...)"


def _is_public(name: str) -> bool:
    """Return whether a member is documented; a contract suite's tests are not."""
    return not name.startswith(("_", "test_"))


def fields(cls: griffe.Class) -> list[griffe.Attribute]:
    """Return the public attributes that are no properties; none of a class of settings.

    Those of a dataclass whose docstring has Args stand in its `__init__` already.
    """
    if _is_settings(cls):
        return []  # docs/settings.md has them
    if "dataclass" in cls.labels and _has_args(cls):
        return []
    return [
        each
        for name, each in cls.members.items()
        if isinstance(each, griffe.Attribute) and _is_public(name) and "property" not in each.labels
    ]


def _is_settings(cls: griffe.Class) -> bool:
    return any(str(base) == "BaseSettings" for base in cls.bases)


def methods(cls: griffe.Class) -> Iterator[griffe.Object]:
    """Yield methods and properties; an override without a docstring is documented by its base."""
    for name, each in cls.members.items():
        if not _is_public(name) or isinstance(each, griffe.Alias):
            continue
        if _is_settings(cls) and name == "settings_customise_sources":
            continue  # pydantic-settings calls it
        is_method = isinstance(each, griffe.Function) or "property" in each.labels
        if is_method and (each.docstring is not None or not _base_has(cls, name)):
            yield each


def _base_has(cls: griffe.Class, name: str) -> bool:
    members = (base.members.get(name) for base in cls.mro())
    return any(each is not None and each.docstring is not None for each in members)


def class_head(cls: griffe.Class) -> str:
    """Return the class statement; with the parameters of `__init__` if the docstring has Args."""
    bases = ", ".join(str(base) for base in cls.bases)
    head = f"class {cls.name}({bases}):" if bases else f"class {cls.name}:"
    if not _has_args(cls):
        return head
    return f"{head}\n    def {_wrap(cls.signature(name='__init__'), indent=4)}"


def _has_args(cls: griffe.Class) -> bool:
    return (
        cls.docstring is not None
        and re.search(r"^Args:$", cls.docstring.value, re.MULTILINE) is not None
    )


def parameters(documented: griffe.Object) -> list[str]:
    """Return the names of a function's public parameters, or of those of a class's `__init__`."""
    if not isinstance(documented, griffe.Class | griffe.Function):
        return []
    names = [each.name.lstrip("*") for each in documented.parameters]
    return [each for each in names if each not in ("self", "cls") and _is_public(each)]


def returned(documented: griffe.Object) -> str:
    """Return the annotation of what a function returns, or a property is."""
    return str(getattr(documented, "annotation", None))


def _signature(function: griffe.Function) -> str:
    """Return the signature, without what only FastAPI fills in."""
    for each in [each.name for each in function.parameters if not _is_public(each.name)]:
        del function.parameters[each]
    return str(function.signature())


def signatures(member: griffe.Object) -> Iterator[str]:
    """Yield the lines that declare a member: one for each overload."""
    if isinstance(member, griffe.Function):
        prefix = "async def " if "async" in member.labels else "def "
        for each in member.overloads or [member]:
            yield prefix + _wrap(_signature(each))
    elif isinstance(member, griffe.Attribute) and "property" not in member.labels:
        yield attribute(member)
    elif isinstance(member, griffe.Attribute):
        yield f"{member.name}: {member.annotation}"
    elif isinstance(member, griffe.TypeAlias):
        yield f"type {member.name} = {member.value}"


def attribute(each: griffe.Attribute) -> str:
    """Return an attribute with its type, and with its value if it is one of the class or module."""
    kind = _annotation(each)
    declared = f"{each.name}: {kind}" if kind is not None else each.name
    if each.value is None or each.labels == {"instance-attribute"}:
        return declared
    return f"{declared} = {_DEPENDS.sub(_ELLIPSIS, str(each.value))}"


def _annotation(each: griffe.Attribute) -> str | None:
    """Return the declared type, or that of the parameter that `__init__` assigns."""
    if each.annotation is not None:
        return str(each.annotation)
    if not isinstance(each.parent, griffe.Class):
        return None
    value = str(each.value)
    for parameter in each.parent.parameters:
        if parameter.name == value:
            return str(parameter.annotation)
        if parameter.name == each.name:  # `self.x = x or Default()`
            return str(parameter.annotation).removesuffix(" | None")
    return None


def _wrap(signature: str, *, indent: int = 0) -> str:
    """Return a signature with one parameter a line if it is too long for one."""
    if len(signature) + indent <= _WIDTH:
        return signature
    start = signature.index("(")
    parameters, depth, last = [], 0, start + 1
    for at in range(start + 1, len(signature)):
        char = signature[at]
        if char in "([{":
            depth += 1
        elif depth and char in ")]}":
            depth -= 1
        elif not depth and char in ",)":
            parameters.append(signature[last:at].strip())
            last = at + 1
            if char == ")":
                break
    inner = "".join(f"\n{' ' * (indent + 4)}{each}," for each in parameters)
    return f"{signature[: start + 1]}{inner}\n{' ' * indent}){signature[last:]}"


def fence(*lines: str) -> str:
    """Return a block of Python."""
    return "\n".join(("```python", *lines, "```\n"))
