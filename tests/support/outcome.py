"""Whether the test that runs has failed, for fixtures that then keep something to look at."""

import pytest

_failed = False


def note(report: pytest.TestReport) -> None:
    """Note what its setup, with which it begins, its call or its teardown has come to."""
    global _failed  # noqa: PLW0603 - a process runs one test at a time
    _failed = report.failed or (_failed and report.when != "setup")


def has_failed() -> bool:
    """Return whether its setup or its call has."""
    return _failed
