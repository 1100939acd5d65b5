"""The app to serve, by its name."""

import importlib
import inspect
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from fastapi import APIRouter
from starlette.types import ASGIApp

from ..article import kind_of
from ..settings import SettingsError


class AppImportError(Exception):
    """Code of the app's own failed while it was imported or made; the cause is its error."""

    def traceback(self) -> str:
        """Return the traceback of the cause, from the first line that is the app's own."""
        assert self.__cause__ is not None  # noqa: S101 - for the type checker: it is raised so
        frames = self.__cause__.__traceback__
        while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
            frames = frames.tb_next
        return "".join(traceback.format_exception(None, self.__cause__, frames))


def load_app(name: str) -> ASGIApp:
    """Return the ASGI app that `package.module:attribute` names.

    The attribute is an ASGI app such as a FastAPI object, or a function or class that takes no
    arguments and makes one.

    Raises:
        SettingsError: there is no such module or attribute, or it is no app.
        AppImportError: the app's own code failed.
    """
    module_name, _, attribute = name.partition(":")
    found = _attribute(name, _module(name, module_name), attribute)
    kind = _kind(found)
    if kind == "app":
        return cast("ASGIApp", found)
    made = _made(name, found) if kind == "factory" else found
    if _kind(made) == "app":
        return cast("ASGIApp", made)
    what = "returns" if kind == "factory" else "is"
    raise SettingsError(
        f"app {name!r} {what} {kind_of(made)}; it should be an ASGI app such as FastAPI(), "
        "or a function without arguments that returns one"
    )


def _module(name: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise AppImportError(f"importing {module_name} failed: {error}") from error
        raise SettingsError(
            f"app {name!r}: there is no module {error.name!r} in {Path.cwd()} or among the "
            "installed packages"
        ) from None
    except SettingsError:
        raise
    except Exception as error:
        raise AppImportError(f"importing {module_name} failed: {error!r}") from error


def _attribute(name: str, module: ModuleType, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = get_close_matches(part, dir(found), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"app {name!r}: {module.__name__} has no {path!r}{hint}") from None
    return found


def _made(name: str, factory: Any) -> Any:
    try:
        return factory()
    except SettingsError:
        raise
    except Exception as error:
        raise AppImportError(f"making the app {name} failed: {error!r}") from error


def _kind(candidate: Any) -> str:
    """Return "app", "factory" or "neither", by what the candidate may be called with.

    An APIRouter can be called as an app is, but its routes have to be in one.
    """
    if not callable(candidate) or isinstance(candidate, APIRouter):
        return "neither"
    is_object = not (inspect.isroutine(candidate) or inspect.isclass(candidate))
    if is_object or inspect.iscoroutinefunction(candidate):
        return "app" if _takes(candidate, 3) else "neither"
    return "factory" if _takes(candidate, 0) else "neither"


def _takes(candidate: Any, count: int) -> bool:
    try:
        inspect.signature(candidate).bind(*(None,) * count)
    except (TypeError, ValueError):
        return False
    return True


def _is_ours(filename: str) -> bool:
    return (
        filename == __file__
        or filename.startswith("<frozen importlib")
        or (filename == importlib.__file__)
    )
