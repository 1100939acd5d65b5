"""Every relative link of the documentation leads somewhere, anchors too."""

from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, anchors, links, page_name


def _dead(page: Path) -> list[str]:
    return [link for link in links(page) if "://" not in link and not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert _dead(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page: `code` (twice)\n## Same\n## Same\n"
        "[good](page.md) [good](#a-page-code-twice) [good](page.md#same-1) [out](https://a.test/x)\n"
        "[no file](none.md) [no anchor](#same-2) ![no image](none.png)\n```\n[code](none.md)\n```\n"
    )

    assert _dead(page) == ["none.md", "#same-2", "none.png"]
