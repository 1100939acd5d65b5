"""The files of a page of the documentation, served: DOCUMENTED is their folder, APP the app in them.

Its Mooring is `mooring`; that it is healthy can be asked, which the documentation need not show.
"""

import os
import sys
from importlib import import_module

from tests.docs import as_wheel

if __name__ == "__main__":
    as_wheel.install()
    sys.path.insert(0, os.environ["DOCUMENTED"])
    from app.__main__ import main

    documented = import_module(os.environ["APP"].partition(":")[0])
    documented.app.include_router(documented.mooring.health_router())
    sys.exit(main())
