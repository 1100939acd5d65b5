"""Packages that only some users need, by the extra of the distribution that installs them."""

_PACKAGES = {
    "limits": ("limits",),
    "oidc": ("jwt", "cryptography"),
    "otel": ("opentelemetry",),
    "redis": ("hiredis", "redis"),
    "server": ("structlog", "uvicorn"),
}


def explain_missing(extra: str, error: ModuleNotFoundError) -> str:
    """Return what to install after an import failed for want of a package of an extra.

    Raises:
        ModuleNotFoundError: the error again, if another module is missing.
    """
    package = (error.name or "").partition(".")[0]
    if package not in _PACKAGES[extra]:
        raise error
    return f"{package} is not installed; write: pip install 'fastapi-mooring[{extra}]'"
