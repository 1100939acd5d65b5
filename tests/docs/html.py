"""What a page of HTML links to, loads and can be linked to."""

from html.parser import HTMLParser
from pathlib import Path

_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
_NOT_LOADED = {"next", "prev", "canonical"}
"""Relations of `<link>` that a browser follows only when somebody asks."""


class Html(HTMLParser):
    """A page that was fed: links, what it loads, ids, and the links of its navigation in order."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.navigation: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
            if "md-nav__link" in found.get("class", "").split():
                self.navigation.append(found["href"])
        if tag == "link" and found.get("rel") not in _NOT_LOADED:
            self.loaded.append(found["href"])
        if found.get(_LOADING.get(tag, "")):
            self.loaded.append(found[_LOADING[tag]])


def read(path: Path) -> Html:
    """Return the page in a file."""
    page = Html()
    page.feed(path.read_text())
    return page
