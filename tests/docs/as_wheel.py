"""Make the checkout's package importable under the name that it has in its wheel.

Import it, or pass it to pytest with `-p tests.docs.as_wheel`: then `fastapi_mooring` and all below
it are the modules of `app`, not copies of them. Documentation and products say `fastapi_mooring`.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

WHEEL, CHECKOUT = "fastapi_mooring", "app"


class _Alias(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        is_ours = fullname == WHEEL or fullname.startswith(f"{WHEEL}.")
        return ModuleSpec(fullname, self, is_package=True) if is_ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(CHECKOUT + spec.name.removeprefix(WHEEL))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the alias' spec in the place of the module's own.
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Install it, unless it is."""
    if not any(isinstance(each, _Alias) for each in sys.meta_path):
        sys.meta_path.insert(0, _Alias())


install()
