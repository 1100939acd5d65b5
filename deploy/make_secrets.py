"""Write the secrets of docker-compose.yml into a folder: python make_secrets.py FOLDER.

SESSION_SECRETS and REDIS_PASSWORD are taken from the environment where they are set. What is not is
made up at the first start and kept from then on. The service reads `session_secrets` and `redis_url`
(its setting SECRETS_DIR), Redis reads `redis.conf`, and Redis's health check `redis_password`.
"""

import os
import secrets
import sys
from pathlib import Path
from urllib.parse import quote


def make_secrets(folder: Path) -> None:
    """Write all four files; run again, write the same."""
    password = _secret(folder / "redis_password", "REDIS_PASSWORD")
    _write(folder / "redis_url", f"redis://:{quote(password, safe='')}@redis:6379/0")
    _write(folder / "redis.conf", f'requirepass "{_escaped(password)}"')
    _secret(folder / "session_secrets", "SESSION_SECRETS")


def _secret(file: Path, variable: str) -> str:
    """Give the environment's value, or the one that was made before, or a new one; and keep it."""
    kept = file.read_text() if file.exists() else ""
    value = os.environ.get(variable) or kept.strip() or secrets.token_urlsafe(32)
    _write(file, value)
    return value


def _write(file: Path, text: str) -> None:
    """Write in one step, so that being stopped half-way leaves no empty secret.

    Every user may read it: the service and Redis run as different ones, and only their containers
    have the folder.
    """
    new = file.with_name(f".{file.name}")
    new.unlink(missing_ok=True)
    new.write_text(f"{text}\n")
    new.chmod(0o444)
    new.replace(file)


def _escaped(text: str) -> str:
    """Write any text for a quoted string of redis.conf."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
