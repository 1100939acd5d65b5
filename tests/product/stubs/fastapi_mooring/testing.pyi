# As __init__.pyi.
from app.testing import *
