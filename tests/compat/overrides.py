"""What our classes override of libraries' classes, and which of their attributes they use."""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType

import app

LIBRARIES = {
    "engineio",
    "fastapi",
    "httptools",
    "redis",
    "socketio",
    "starlette",
    "uvicorn",
    "websockets",
}
_BY_EVERY_CLASS = {"__module__", "__doc__", "__dict__", "__weakref__", "__slots__", "__qualname__"}


def inherited() -> dict[str, list[str]]:
    """Return the libraries' names that subclasses of ours override or use, under the files that do."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for module in _modules():
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__:
                found[_file(module)] |= set(_of_class(cls))
    return {file: sorted(names) for file, names in sorted(found.items()) if names}


def _modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(app.__path__, "app."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def _file(module: ModuleType) -> str:
    assert module.__file__ is not None
    tail = "/__init__.py" if hasattr(module, "__path__") else ".py"
    return module.__name__.replace(".", "/") + tail


def _of_class(cls: type) -> Iterator[str]:
    theirs = [base for base in cls.__mro__ if base.__module__.partition(".")[0] in LIBRARIES]
    names = (set(vars(cls)) - _BY_EVERY_CLASS) | _used_of_self(cls) | {"__init__"}
    for name in names if theirs else ():
        owner = next((base for base in theirs if name in vars(base)), None)
        if owner is not None:
            yield f"{owner.__module__}:{owner.__qualname__}.{name}"


def _used_of_self(cls: type) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in nodes if ast.unparse(node.value) in {"self", "super()"}}
