"""The app's types are those that the service describes: neither is written twice."""

import json
from pathlib import Path

import httpx
import pytest

from tests.browser.site import SPA, npm

GENERATED = SPA / "src" / "generated"


@pytest.mark.parametrize("store_name", ["memory"])
@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
async def test_the_apps_copy_of_a_document_is_what_the_service_serves(
    http: httpx.AsyncClient, name: str
) -> None:
    served = (await http.get(f"/{name}")).json()

    assert json.loads((SPA / name).read_text()) == served, (
        "with `make run` in another terminal, `npm --prefix spa run refresh` brings it up to date"
    )


def test_the_types_are_what_the_copies_give(tmp_path: Path) -> None:
    npm("run", "--silent", "generate", "--", str(tmp_path))

    assert _texts(tmp_path) == _texts(GENERATED), "`npm --prefix spa run generate` makes them anew"


def _texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}
