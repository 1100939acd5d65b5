"""Products use what the package exports, and nothing else of ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import app

HERE = Path(__file__).parent
PRODUCTS = ["counter", "desk", "turnstile"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_imports_only_what_is_exported_and_touches_nothing_private(product: str) -> None:
    tree = ast.parse((HERE / f"{product}.py").read_text())
    names = list(_imported(tree))

    assert ("fastapi_mooring", "Mooring") in names
    ours = [name for module, name in names if module.startswith("fastapi_mooring")]
    assert [name for name in ours if name not in app.__all__] == []
    assert [module for module, _name in names if module.partition(".")[0] in ("app", "tests")] == []
    touched = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert [name for name in touched if name.startswith("_")] == []


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each module that is imported, and each name from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module, "a relative import"
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
