"""What the service logs inside the test's own process (in_process.py).

The process that distributes tests imports this, too, and no more of the library than logging.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from app import log_config as logs
from tests.support.issued import check_secret


@contextmanager
def logs_no_secret() -> Iterator[None]:
    """Fail if the service, inside this process, logs a session id meanwhile."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs._formatter("json"))
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    check_secret(written.getvalue(), "the log")
