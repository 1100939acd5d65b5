"""docs/api.md is made from the docstrings of the public API, and leaves nothing out."""

import textwrap
from pathlib import Path

import pytest

from scripts import api_docs
from scripts.api_markdown import ApiError

SAMPLE = '''
    """A package."""

    from sample.sessions import Thing, count, LIMIT

    __all__ = ["LIMIT", "Thing", "count"]
'''
SESSIONS = '''
    LIMIT: int = 3
    """How many there may be."""

    class Base:
        def size(self) -> int:
            """Return the size."""

    class Thing(Base):
        """A thing, which `count` counts.

        Args:
            colour: a name of CSS.
            parent: {parent}
        """

        weight: float
        """Kilograms."""

        def __init__(self, colour: str, *, parent: "Thing | None" = None) -> None:
            self.colour = colour

        def size(self) -> int:
            return 1

        @property
        def age(self) -> float:
            {age}

        def _private(self) -> None: ...

    async def count(
        things: list[Thing],
        a_rather_long_name_of_a_parameter: dict[str, tuple[int, ...]],
        _private: int = 0,
    ) -> int:
        """Count things.

        Args:
            things: all of them.
            {described}: what else there is.

        Returns:
            {returned}

        Raises:
            {raised}: there are none.
        """
'''
GOOD = {
    "parent": "where it hangs.",
    "age": '"""Return seconds."""',
    "described": "a_rather_long_name_of_a_parameter",
    "returned": "How many there are.",
    "raised": "ValueError",
}


def _sample(folder: Path, **changes: str) -> api_docs.Page:
    package = folder / "sample"
    package.mkdir()
    source = textwrap.dedent(SESSIONS)
    for name, text in (GOOD | changes).items():
        source = source.replace(f"{{{name}}}", text)
    (package / "__init__.py").write_text(textwrap.dedent(SAMPLE))
    (package / "sessions.py").write_text(source)
    return api_docs.load(folder, {"sample": "product", "sample.testing": "product.testing"})


def test_the_page_is_current_and_every_public_name_is_documented() -> None:
    page = api_docs.load(api_docs.ROOT, api_docs.MODULES)

    text = page.render()

    assert page.problems == []
    assert api_docs.PAGE.read_text() == text, "run `make api`"


def test_no_docstring_sends_its_reader_into_the_checkout() -> None:
    text = api_docs.PAGE.read_text()

    assert [
        each for each in ("app.sessions", "app.realtime", "app.http", "tests/") if each in text
    ] == []


def test_it_has_signatures_sections_and_links(tmp_path: Path) -> None:
    page = _sample(tmp_path)

    text = page.render()

    assert page.problems == []
    assert "`product.Thing`" in text
    assert "    def __init__(colour: str, *, parent: Thing | None = None)" in text
    assert "- `colour`: a name of CSS." in text
    assert "- `weight`: Kilograms." in text
    assert "LIMIT: int = 3" in text
    assert "#### Thing.age\n\n```python\nage: float\n```" in text
    assert "async def count(\n    things: list[Thing],\n" in text
    assert "    a_rather_long_name_of_a_parameter: dict[str, tuple[int, ...]],\n) -> int" in text
    assert "**Returns:** How many there are." in text
    assert "- `ValueError`: there are none." in text
    assert "A thing, which [`count`](#count) counts." in text


def test_it_repeats_nothing_that_a_base_has_documented_and_shows_nothing_private(
    tmp_path: Path,
) -> None:
    text = _sample(tmp_path).render()

    assert "Thing.size" not in text
    assert "_private" not in text


@pytest.mark.parametrize("returned", ["A number: all of them.", "Thing: all of them."])
def test_it_keeps_what_is_returned_before_a_colon(tmp_path: Path, returned: str) -> None:
    text = _sample(tmp_path, returned=returned).render()

    assert f"**Returns:** {returned}" in text


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"age": "return 1.0"}, "sample.sessions.Thing.age has no docstring"),
        ({"described": "other"}, "its Args leave out 'a_rather_long_name_of_a_parameter'"),
        ({"described": "other"}, "sample.sessions.count: it takes no 'other'"),
        ({"parent": "it.\n        hue: none such."}, "sample.sessions.Thing: it takes no 'hue'"),
        ({"raised": "LostError"}, "sample.sessions.count raises LostError, which is not exported"),
    ],
    ids=[
        *("no docstring", "an argument left out", "an argument that is none", "none of the class"),
        "an error that is not exported",
    ],
)
def test_what_is_undocumented_is_named(
    tmp_path: Path, changes: dict[str, str], problem: str
) -> None:
    page = _sample(tmp_path, **changes)

    page.render()

    assert any(problem in each for each in page.problems), page.problems


def test_a_module_without_a_section_is_refused(tmp_path: Path) -> None:
    page = _sample(tmp_path)
    package = tmp_path / "sample"
    (package / "sessions.py").rename(package / "elsewhere.py")
    init = package / "__init__.py"
    init.write_text(init.read_text().replace("sample.sessions", "sample.elsewhere"))

    page = api_docs.load(tmp_path, {"sample": "product"})

    with pytest.raises(ApiError, match=r"sample\.elsewhere\.LIMIT"):
        page.render()


def test_the_session_core_can_be_read() -> None:
    page = api_docs.load(api_docs.ROOT, {"app.sessions": "fastapi_mooring"})

    text = page.render()

    assert "async def reload() -> None" in text
    assert "class StoreFullError(StoreUnavailableError):" in text
