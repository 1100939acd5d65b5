"""FAST_PATHS: on with tested versions alone, off whenever it is said, and never in silence."""

from collections.abc import Callable

import pytest

from app.fast_paths import TESTED, decide, installed_version
from app.settings import SettingsError

Version = Callable[[str], str | None]


def all_tested(name: str) -> str | None:
    """A version of the tested set."""
    return max(TESTED[name])


def newer_uvicorn(name: str) -> str | None:
    """A uvicorn that nobody tried."""
    return "99.0" if name == "uvicorn" else all_tested(name)


def no_httptools(name: str) -> str | None:
    """An installation without [fast]."""
    return None if name == "httptools" else all_tested(name)


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_tested_versions_have_them(mode: str) -> None:
    decided = decide(mode, all_tested)  # type: ignore[arg-type] # one of them
    assert (decided.enabled, str(decided)) == (True, "fast paths on")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (newer_uvicorn, "uvicorn 99.0 is not tested"),
        (no_httptools, "httptools is not installed"),
    ],
)
def test_others_do_without_and_say_why(version: Version, reason: str) -> None:
    decided = decide("auto", version)
    assert (decided.enabled, str(decided)) == (False, f"fast paths off: {reason}")


@pytest.mark.parametrize("version", [newer_uvicorn, no_httptools])
def test_on_refuses_to_start_with_others(version: Version) -> None:
    with pytest.raises(SettingsError, match=r"^FAST_PATHS: .* is not "):
        decide("on", version)


@pytest.mark.parametrize("version", [all_tested, newer_uvicorn])
def test_off_is_off(version: Version) -> None:
    decided = decide("off", version)
    assert (decided.enabled, str(decided)) == (False, "fast paths off: FAST_PATHS=off")


@pytest.mark.parametrize("name", TESTED)
def test_what_is_installed_here_is_tested(name: str) -> None:
    assert installed_version(name) in TESTED[name]


def test_a_distribution_that_is_missing_has_no_version() -> None:
    assert installed_version("no-such-distribution-of-anybody") is None
