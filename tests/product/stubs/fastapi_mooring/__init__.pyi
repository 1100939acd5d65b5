# For mypy in the checkout, where the package is called `app`.
from app import *
