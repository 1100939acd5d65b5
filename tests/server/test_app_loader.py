"""Which names are apps, which make one, and what is said of the others."""

import itertools
from pathlib import Path

import pytest

from app.server.app_loader import AppImportError, load_app
from app.settings import SettingsError

_CODE = """
from fastapi import APIRouter, FastAPI

app = FastAPI()
router = APIRouter()
number = 3

class Shop:
    app = app

class Product(FastAPI):
    pass

class Raw:
    def __call__(self, scope, receive, send):
        return app(scope, receive, send)

raw = Raw()

async def function(scope, receive, send):
    await app(scope, receive, send)

async def variadic(*connection):
    await app(*connection)

def make():
    return app

def make_with(settings=None):
    return app

def make_number():
    return 3

def make_router():
    return router

async def make_later():
    return app

def takes_two(one, other):
    return app

def fails():
    raise LookupError("nobody there")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counter: "itertools.count[int]") -> str:
    """The name of a module with that code, which nobody has imported."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"product_{next(counter)}"
    (tmp_path / f"{name}.py").write_text(_CODE)
    return name


@pytest.fixture(scope="module")
def counter() -> "itertools.count[int]":
    """Numbers for names."""
    return itertools.count()


@pytest.mark.parametrize(
    "attribute",
    ["app", "Shop.app", "Product", "raw", "Raw", "function", "variadic", "make", "make_with"],
)
def test_an_app_and_what_makes_one_is_loaded(attribute: str, module: str) -> None:
    assert callable(load_app(f"{module}:{attribute}"))


@pytest.mark.parametrize("attribute", ["app", "Shop.app", "make", "make_with"])
def test_an_app_is_loaded_as_it_is(attribute: str, module: str) -> None:
    assert load_app(f"{module}:{attribute}") is load_app(f"{module}:app")


@pytest.mark.parametrize(
    ("attribute", "complaint"),
    [
        ("number", "is an int; it should be an ASGI app"),
        ("router", "is an APIRouter; it should be an ASGI app"),
        ("make_router", "returns an APIRouter; it should be an ASGI app"),
        ("make_number", "returns an int; it should be an ASGI app"),
        ("make_later", "is a function; it should be an ASGI app"),
        ("takes_two", "is a function; it should be an ASGI app"),
        ("ap", "did you mean 'app'?"),
        ("Shop.nothing_like_it", "has no 'Shop.nothing_like_it'"),
    ],
)
def test_what_is_no_app_is_named(attribute: str, complaint: str, module: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_app(f"{module}:{attribute}")
    assert f"{module}:{attribute}" in str(refused.value)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("name", ["no_such_product:app", "no_such.product:app", "json.product:app"])
def test_a_module_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match="there is no module"):
        load_app(name)


@pytest.mark.parametrize("code", ["import nothing_of_that_name", "1 / 0", "def"])
def test_an_error_of_the_app_s_own_code_is_shown_from_its_first_line(
    code: str, module: str, tmp_path: Path
) -> None:
    (tmp_path / f"{module}.py").write_text(code)

    with pytest.raises(AppImportError, match=f"importing {module} failed: ") as failed:
        load_app(f"{module}:app")

    shown = failed.value.traceback()
    assert f"{module}.py" in shown
    assert "app_loader" not in shown
    assert "importlib" not in shown


def test_an_error_of_a_factory_is_shown_too(module: str) -> None:
    with pytest.raises(AppImportError, match=r"LookupError\('nobody there'\)") as failed:
        load_app(f"{module}:fails")
    assert failed.value.traceback().splitlines()[1].endswith("in fails")


def test_a_wrong_setting_of_the_app_s_own_is_no_error_of_its_code(
    module: str, tmp_path: Path
) -> None:
    (tmp_path / f"{module}.py").write_text(
        "from app.settings import SettingsError\nraise SettingsError('CORS_ORIGINS: wrong')"
    )
    with pytest.raises(SettingsError, match=r"^CORS_ORIGINS: wrong$"):
        load_app(f"{module}:app")
