"""The site of the documentation is built without a warning, is complete, and needs nothing from elsewhere."""

import json
import re
from pathlib import Path
from shutil import copy
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.docs.html import Html, read
from tests.docs.markdown import PAGES, page_name
from tests.support.built_site import build_site
from tests.support.processes import ROOT

pytestmark = pytest.mark.xdist_group("site")

BASE = "http://site.test/"


@pytest.fixture(scope="module")
def site(docs_site: Path) -> Path:
    """The site as it is now."""
    return docs_site


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Html]:
    """URL to page."""
    return {
        _url(site, path): read(path) for path in site.rglob("*.html") if path.name != "404.html"
    }


def _url(site: Path, path: Path) -> str:
    return urljoin(BASE, path.relative_to(site).as_posix()).removesuffix("index.html")


def _url_of(page: str) -> str:
    """Return where a Markdown file is on the site."""
    stem = page.removesuffix(".md")
    return urljoin(BASE, stem.removesuffix("README") if stem.endswith("README") else f"{stem}/")


def test_every_page_is_in_the_navigation(pages: dict[str, Html]) -> None:
    named = {urljoin(BASE, link) for link in pages[BASE].navigation}

    assert {_url_of(page_name(page)) for page in PAGES} - named == set()


def test_one_reads_from_the_start_to_users_to_deploying_to_the_inside(
    pages: dict[str, Html],
) -> None:
    order = [urljoin(BASE, link) for link in pages[BASE].navigation]
    path = ["README", "docs/your-app", "docs/users", "docs/events", "docs/recovery", "docs/once"]
    path += ["docs/streams", "docs/guarantees", "docs/compose", "docs/proxies", "docs/operations"]
    path += ["docs/settings", "docs/security", "docs/api", "docs/architecture"]

    places = [order.index(_url_of(f"{each}.md")) for each in path]

    assert places == sorted(places)


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[str, Html]) -> None:
    loaded = {urljoin(url, each) for url, page in pages.items() for each in page.loaded}
    assert loaded
    assert {each for each in loaded if not _is_there(site, each)} == set()

    styles = {path: path.read_text() for path in site.rglob("*.css")}
    assert styles
    foreign = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//")
    assert [path.name for path, text in styles.items() if foreign.search(text)] == []


def test_every_link_and_anchor_leads_somewhere(site: Path, pages: dict[str, Html]) -> None:
    dead = {
        (url, link)
        for url, page in pages.items()
        for link in page.links
        if not _leads_somewhere(site, pages, urljoin(url, link))
    }

    assert dead == set()


def _leads_somewhere(site: Path, pages: dict[str, Html], target: str) -> bool:
    if not target.startswith(BASE):
        return True
    url, _, anchor = target.partition("#")
    if url in pages:
        return not anchor or unquote(anchor) in pages[url].ids
    return _is_there(site, url)


def _is_there(site: Path, url: str) -> bool:
    return url.startswith(BASE) and (site / unquote(urlsplit(url).path).lstrip("/")).is_file()


def test_every_page_can_be_searched(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {urljoin(BASE, each["location"]).partition("#")[0] for each in index["docs"]}

    assert {_url_of(page_name(page)) for page in PAGES} - found == set()
    assert any("tombstone" in each["text"] for each in index["docs"])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of two pages that is built as ours is."""
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    (project / "docs").mkdir()
    (project / "deploy").mkdir()
    (project / "deploy" / "x.cfg").write_text("moored\n")
    copy(ROOT / "scripts" / "site_pages.py", project / "scripts")
    (project / "mkdocs.yml").write_text(
        f"INHERIT: {ROOT}/mkdocs.yml\nnav: [README.md, docs/a.md]\n"
    )
    (project / "README.md").write_text("# One\n\n[a](docs/a.md#two) [x](deploy/x.cfg)\n")
    (project / "docs" / "a.md").write_text("# Two\n\n[one](../README.md)\n")
    for name in ("site.css", "site.js", "images/favicon.svg"):
        (project / "docs" / name).parent.mkdir(exist_ok=True)
        copy(ROOT / "docs" / name, project / "docs" / name)
    return project


def test_a_link_to_a_file_leads_to_a_page_that_shows_it(small: Path, tmp_path: Path) -> None:
    built = build_site(small, tmp_path / "site")

    assert built.returncode == 0, built.stderr
    assert 'href="source/deploy/x.cfg/"' in (tmp_path / "site" / "index.html").read_text()
    shown = (tmp_path / "site" / "source" / "deploy" / "x.cfg" / "index.html").read_text()
    assert "moored" in shown


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("docs/a.md", "# Two\n\n[x](none.md)\n", "none.md"),
        ("docs/a.md", "# Two\n\n[x](../README.md#none)\n", "#none"),
        ("docs/a.md", "# Two\n\n![x](none.png)\n", "none.png"),
        ("docs/lost.md", "# Lost\n", "lost.md"),
    ],
    ids=["dead link", "dead anchor", "dead image", "page that is not in the navigation"],
)
def test_what_is_wrong_in_a_page_fails_the_build(
    small: Path, tmp_path: Path, file: str, text: str, complaint: str
) -> None:
    (small / file).write_text(text)

    built = build_site(small, tmp_path / "site")

    assert built.returncode == 1
    assert complaint in built.stderr
