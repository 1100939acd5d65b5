"""python -m patient [module:app]: the same as python -m app, with minutes where it would wait for seconds.

In Valgrind an event loop is fifty times as slow: replies that have long been there are read too late, and
a node takes itself for one that was stopped. None of these times is work.
"""

import importlib
import runpy

_SECONDS = 300.0
_TIMES = (
    ("app.redis.url", "TIMEOUT"),  # before anybody imports it by its name
    ("app.realtime.engineio.writer", "WRITE_TIMEOUT_SECONDS"),
    ("app.realtime.stop_detector", "TOLERANCE_SECONDS"),
    ("app.realtime.publisher", "PUBLISH_TIMEOUT_SECONDS"),
    ("app.realtime.publisher", "PUBLISH_BUDGET_SECONDS"),
)

for _module, _name in _TIMES:
    try:
        setattr(importlib.import_module(_module), _name, _SECONDS)
    except ImportError:
        continue  # an older tree, which may have it elsewhere

runpy.run_module("app", run_name="__main__", alter_sys=True)
