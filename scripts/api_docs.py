"""Write docs/api.md from the docstrings of everything that the package exports.

`python -m scripts.api_docs` writes it; with `--check` it fails if the page is not current or if
something public is undocumented. griffe reads the sources, so nothing is imported.
"""

import builtins
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import griffe

from scripts import api_code, api_markdown
from scripts.api_markdown import ApiError

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "api.md"
MODULES = {"app": "fastapi_mooring", "app.testing": "fastapi_mooring.testing"}
"""Modules whose `__all__` is documented, and the names under which the wheel has them."""

SECTIONS = {
    "mooring": "The app",
    "settings": "The app",
    "settings_sources": "The app",
    "backends": "The app",
    "sessions": "Sessions",
    "users": "Users",
    "dependencies": "In routes and events",
    "http": "In routes and events",
    "realtime": "Events",
    "sessions.errors": "Errors",
    "asgi.errors": "Errors",
    "sessions.models": "Stores",
    "sessions.stores": "Stores",
    "redis": "Stores",
    "realtime.bus": "Stores",
    "realtime.presence": "Stores",
    "testing": "Testing",
}
"""Where a name stands on the page, by the module that defines it: the longest prefix counts."""

_HEADER = """\
# API

Everything that `fastapi_mooring` exports; what is not here is private. Made from the docstrings by
`make api`.
"""
_PARSER_OPTIONS = {
    "returns_multiple_items": False,
    "returns_named_value": False,
    "warn_missing_types": False,
    "warn_unknown_params": False,
}


@dataclass(frozen=True)
class Name:
    """One exported name: what it is, and under which module users import it."""

    name: str
    module: str
    object: griffe.Object

    @property
    def section(self) -> str:
        """Return the heading under which it stands.

        Raises:
            ApiError: SECTIONS has no heading for the module that defines it.
        """
        path = self.object.canonical_path.split(".")[1:-1]
        for end in range(len(path), 0, -1):
            if (found := SECTIONS.get(".".join(path[:end]))) is not None:
                return found
        raise ApiError(f"{self.object.canonical_path}: SECTIONS has no heading for its module")


@dataclass
class Page:
    """The page as Markdown, and what is undocumented."""

    names: list[Name]
    problems: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return the whole page, and note what is undocumented in `problems`."""
        self.problems.clear()
        known = {each.name for each in self.names}
        parts = [_HEADER]
        for heading in dict.fromkeys(SECTIONS.values()):
            found = [each for each in self.names if each.section == heading]
            if found:
                parts.append(f"## {heading}\n")
                parts += [self._name(each) for each in sorted(found, key=lambda each: each.name)]
        return api_markdown.link("\n".join(parts), known)

    def _name(self, name: Name) -> str:
        parts = [f"### {name.name}\n", f"`{name.module}.{name.name}`\n"]
        if isinstance(name.object, griffe.Class):
            parts += self._class(name.object)
        else:
            parts += self._member(name.object)
        return "\n".join(parts)

    def _class(self, cls: griffe.Class) -> Iterator[str]:
        fields = api_code.fields(cls)
        yield api_code.fence(
            api_code.class_head(cls), *(f"    {api_code.attribute(each)}" for each in fields)
        )
        if cls.docstring is None:
            self.problems.append(f"{cls.path} has no docstring")
        yield from self._docstring(cls)
        text = cls.docstring.value if cls.docstring else ""
        for each in fields:
            if each.docstring is not None:
                yield f"- `{each.name}`: {api_markdown.one_line(each.docstring.value)}\n"
            elif not re.search(rf"\b{each.name}\b", text):
                self.problems.append(
                    f"{each.path} is not in its class's docstring, nor has its own"
                )
        for member in api_code.methods(cls):
            yield f"#### {cls.name}.{member.name}\n"
            yield from self._member(member)

    def _member(self, member: griffe.Object) -> Iterator[str]:
        if member.docstring is None:
            self.problems.append(f"{member.path} has no docstring")
        yield api_code.fence(*api_code.signatures(member))
        yield from self._docstring(member)

    def _docstring(self, documented: griffe.Object) -> Iterator[str]:
        if documented.docstring is None:
            return
        with _griffe_warnings(self.problems):
            sections = documented.docstring.parse("google", **_PARSER_OPTIONS)
        for section in sections:
            yield from api_markdown.section(section, api_code.returned(documented))
            if isinstance(section, griffe.DocstringSectionParameters):
                self._compare_parameters(
                    documented, {each.name.lstrip("*") for each in section.value}
                )
            if isinstance(section, griffe.DocstringSectionRaises):
                self._check_raised(documented, [str(each.annotation) for each in section.value])

    def _check_raised(self, documented: griffe.Object, raised: list[str]) -> None:
        """Note errors that nobody can catch: neither exported, Python's, nor of another package."""
        exported = {each.name for each in self.names}
        self.problems += [
            f"{documented.path} raises {name}, which is not exported"
            for name in raised
            if name not in exported and not hasattr(builtins, name) and "." not in name
        ]

    def _compare_parameters(self, documented: griffe.Object, described: set[str]) -> None:
        taken = api_code.parameters(documented)
        self.problems += [
            f"{documented.path}: its Args leave out {name!r}"
            for name in taken
            if name not in described
        ]
        self.problems += [
            f"{documented.path}: it takes no {name!r}" for name in sorted(described - set(taken))
        ]


class _griffe_warnings(logging.Handler):  # noqa: N801 - used as a function: `with ...`
    """Collect what griffe warns of while it parses a docstring."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        self._problems.append(record.getMessage())

    def __enter__(self) -> None:
        logging.getLogger("griffe").addHandler(self)

    def __exit__(self, *_error: object) -> None:
        logging.getLogger("griffe").removeHandler(self)


def load(root: Path, modules: Mapping[str, str]) -> Page:
    """Return the page of what the modules export.

    Args:
        root: the folder that has the package.
        modules: a module's name there, and the name under which users import it.
    """
    names = []
    for module, shown in modules.items():
        if not _exists(root, module):
            continue
        loaded = griffe.load(module, search_paths=[root], resolve_aliases=True)
        names += [Name(name, shown, each) for name, each in _exported(loaded)]
    return Page(names)


def _exists(root: Path, module: str) -> bool:
    return (root / module.replace(".", "/") / "__init__.py").exists()


def _exported(module: griffe.Object | griffe.Alias) -> Iterator[tuple[str, griffe.Object]]:
    for name in map(str, module.exports or ()):
        if not name.startswith("__"):
            member = module[name]
            yield name, member.final_target if isinstance(member, griffe.Alias) else member


def main(arguments: list[str]) -> int:
    """Write or check docs/api.md.

    Returns:
        The exit code: 1 if something is undocumented, or if the page to check is not current.
    """
    try:
        page = load(ROOT, MODULES)
        text = page.render()
    except ApiError as error:
        print(error, file=sys.stderr)
        return 1
    for problem in page.problems:
        print(problem, file=sys.stderr)
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print(f"{PAGE.relative_to(ROOT)} is not current: run `make api`", file=sys.stderr)
        return 1
    return 1 if page.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
