"""Products: apps that import fastapi_mooring alone, as their authors would.

In the checkout the package is called `app`. It has its other name here, before a product asks for it; a
wheel that is installed needs none of this (tests/package).
"""

import sys

import app

sys.modules["fastapi_mooring"] = app
