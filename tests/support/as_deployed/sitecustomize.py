"""Start services without what only the tests' own clients need, as they are deployed.

python-engineio imports these where they are installed, which takes a fifth of a second for each service.
"""

import sys

for _name in ("aiohttp", "requests", "websocket"):
    sys.modules[_name] = None  # type: ignore[assignment] # which makes its import an ImportError
