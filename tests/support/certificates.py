"""Certificates for servers of tests."""

import base64
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate that vouches for itself, its key, and a file with both."""

    file: Path
    key: Path
    both: Path

    @property
    def spki(self) -> str:
        """The digest of its public key by which Chromium can be told to believe it."""
        shown = ["openssl", "pkey", "-in", str(self.key), "-pubout", "-outform", "DER"]
        public = subprocess.run(shown, check=True, capture_output=True).stdout
        return base64.b64encode(hashlib.sha256(public).digest()).decode()


def self_signed(folder: Path, *names: str) -> Certificate:
    """Make a certificate for 127.0.0.1, and for host names, in a folder."""
    alternatives = ",".join(["IP:127.0.0.1", *(f"DNS:{name}" for name in names)])
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=mooring", "-addext", f"subjectAltName={alternatives}"),
            *("-out", str(made.file), "-keyout", str(made.key)),
        ],
        check=True,
        capture_output=True,
    )
    made.both.write_text(made.file.read_text() + made.key.read_text())
    return made
