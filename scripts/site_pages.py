"""Hooks of MkDocs: the pages of the site are the Markdown files of this repository, where they lie.

Links between them work on a code host and on the site alike. A link to any other file, or to a folder,
leads to a page that shows it, so that the site needs no code host.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DECISIONS = "docs/decisions/"

_PAGES = ("*.md", "benchmarks/README.md", "docs/**/*.md", "examples/*/README.md")
_MADE = {"node_modules", "dist", "__pycache__"}
_ASSETS = {".css", ".js", ".png", ".svg"}
_FENCES = re.compile(r"^(```[^\n]*\n.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\[[^\]]*\]\()([^)\s#]+)([^)\s]*\))")
_INFO = re.compile(r"\A```(\w*)[^\n]*?(?: file=(\S+))?$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put each decision into the navigation, in place of their folder."""
    config.nav = _with_decisions(config.nav)
    return config


def _with_decisions(nav: Any) -> Any:
    match nav:
        case list():
            return [_with_decisions(each) for each in nav]
        case dict():
            return {name: _with_decisions(each) for name, each in nav.items()}
        case str() if nav == DECISIONS:
            return [f"{DECISIONS}README.md", *_decisions()]
        case _:
            return nav


def _decisions() -> list[str]:
    return [_uri(path) for path in sorted((ROOT / DECISIONS).glob("[0-9]*.md"))]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the files of the repository instead of those of the folder docs."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for uri in [*_pages(), *_assets()]:
        files.append(File(uri, str(ROOT), config.site_dir, config.use_directory_urls))
    if _decisions():
        files.append(File.generated(config, f"{DECISIONS}README.md", content=_list_of_decisions()))
    for uri in sorted({each for page in _pages() for each in _shown(page)}):
        files.append(File.generated(config, _page_of(uri), content=_source(uri)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to what the site has, and title the blocks that are files."""
    text, *rest = _FENCES.split(markdown)
    parts = [_relink(text, page.file.src_uri)]
    for fence, after in zip(rest[::2], rest[1::2], strict=True):
        parts += [_INFO.sub(_titled, fence, count=1), _relink(after, page.file.src_uri)]
    return "".join(parts)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Give the theme's search dialog the name that it lacks (WCAG 4.1.2); a head that is empty is none."""
    named = output.replace('role="dialog"', 'role="dialog" aria-label="Search"', 1)
    return named.replace("<th></th>", "<td></td>")


def _titled(info: re.Match[str]) -> str:
    language, file = info.groups()
    title = f' title="{file}"' if file else ""
    return f"```{language or 'text'}{title}"


def _relink(text: str, page: str) -> str:
    def lead(link: re.Match[str]) -> str:
        before, target, after = link.groups()
        uri = _target(page, target)
        if uri is None or not (ROOT / uri).exists() or _on_site(uri) == uri:
            return link[0]
        return f"{before}{os.path.relpath(_on_site(uri), Path(page).parent)}{after}"

    return _LINK.sub(lead, text)


def _on_site(uri: str) -> str:
    """Return the page, or file, of the site that shows a file or folder of the repository."""
    if uri == DECISIONS or (ROOT / uri / "README.md").is_file():
        return f"{uri}README.md"
    if Path(uri).suffix in _ASSETS or uri in _pages():
        return uri
    return _page_of(uri)


def _page_of(uri: str) -> str:
    return f"source/{uri.strip('./')}.md"


def _shown(page: str) -> Iterator[str]:
    """Yield what a page links to that has no page of its own."""
    prose = _FENCES.sub("", (ROOT / page).read_text())
    for _, link, _ in _LINK.findall(prose):
        uri = _target(page, link)
        if uri is not None and (ROOT / uri).exists() and _on_site(uri) == _page_of(uri):
            yield uri


def _target(page: str, link: str) -> str | None:
    """Return what a link leads to, from the repository's root; a folder ends with a slash."""
    if ":" in link:
        return None
    path = (ROOT / page).parent / link
    return _uri(path) + "/" * path.is_dir()


def _uri(path: Path) -> str:
    return Path(os.path.normpath(path)).relative_to(ROOT).as_posix()


def _pages() -> list[str]:
    return sorted({_uri(path) for pattern in _PAGES for path in ROOT.glob(pattern)})


def _assets() -> list[str]:
    paths = [*(ROOT / "docs").rglob("*"), *(ROOT / "benchmarks").glob("*.svg")]
    return sorted(_uri(path) for path in paths if path.suffix in _ASSETS)


def _list_of_decisions() -> str:
    titles = {uri: (ROOT / uri).read_text().partition("\n")[0].lstrip("# ") for uri in _decisions()}
    rows = [f"- [{title}]({Path(uri).name})" for uri, title in titles.items()]
    return "\n".join(["# Decisions", "", *rows, ""])


def _source(uri: str) -> str:
    """Return the page that shows a file, or lists a folder."""
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {uri}\n\n"
    if uri.endswith("/"):
        return head + "".join(f"- `{name}`\n" for name in _kept(uri))
    return f"{head}```{Path(uri).suffix[1:] or 'text'}\n{(ROOT / uri).read_text()}\n```\n"


def _kept(folder: str) -> list[str]:
    """Return the names in a folder that are no build's."""
    found = [each for each in (ROOT / folder).iterdir() if each.name not in _MADE]
    return sorted(f"{each.name}{'/' * each.is_dir()}" for each in found)
