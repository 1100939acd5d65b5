"""Certificates for servers of tests."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 that vouches for itself, its key, and a file with both."""

    file: Path
    key: Path
    both: Path


def self_signed(folder: Path) -> Certificate:
    """Make a certificate in a folder."""
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=mooring", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(made.file), "-keyout", str(made.key)),
        ],
        check=True,
        capture_output=True,
    )
    made.both.write_text(made.file.read_text() + made.key.read_text())
    return made
