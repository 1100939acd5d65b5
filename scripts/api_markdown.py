"""Docstrings as griffe has parsed them, as Markdown."""

import re
from collections.abc import Iterable, Iterator

import griffe


class ApiError(Exception):
    """The page cannot be made."""


def section(section: griffe.DocstringSection, declared: str) -> Iterator[str]:
    """Yield a docstring's section as Markdown.

    Args:
        section: of a docstring.
        declared: the annotation of what is returned; griffe takes words before a colon for another one.

    Raises:
        ApiError: a section of a kind that no docstring here has had.
    """
    match section:
        case griffe.DocstringSectionText() | griffe.DocstringSectionAdmonition():
            yield f"{section.value}\n"
        case griffe.DocstringSectionParameters() | griffe.DocstringSectionAttributes():
            yield _list(section, ((each.name, each.description) for each in section.value))
        case griffe.DocstringSectionRaises():
            yield _list(
                section, ((str(each.annotation), each.description) for each in section.value)
            )
        case griffe.DocstringSectionReturns() | griffe.DocstringSectionYields():
            for each in section.value:
                words = "" if str(each.annotation) == declared else f"{each.annotation}: "
                yield f"**{section.kind.value.title()}:** {one_line(words + each.description)}\n"
        case _:
            raise ApiError(
                f"a docstring has a section {section.kind.value!r}, which is not handled"
            )


def _list(section: griffe.DocstringSection, items: Iterable[tuple[str, str]]) -> str:
    title = "Args" if isinstance(section, griffe.DocstringSectionParameters) else None
    lines = [f"- `{name}`: {one_line(text)}" for name, text in items]
    return "\n".join((f"**{title or section.kind.value.title()}:**\n", *lines, ""))


def one_line(text: str) -> str:
    """Return the text without its line breaks."""
    return " ".join(text.split())


def link(page: str, known: set[str]) -> str:
    """Make code spans that are exported names links to them; but not inside code blocks."""
    parts = re.split(r"(^```.*?^```$)", page, flags=re.MULTILINE | re.DOTALL)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(
            r"(?<!\[)`(\w+)`",
            lambda found: f"[`{found[1]}`](#{found[1].lower()})" if found[1] in known else found[0],
            parts[index],
        )
    return "".join(parts)
