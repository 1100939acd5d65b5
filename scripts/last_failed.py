"""Print the tests that failed in the last run of pytest, one a line.

Exits with 1 if there are none, as then something else went wrong, or more than `--at-most`.
"""

import argparse
import json
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".pytest_cache" / "v" / "cache" / "lastfailed"


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-most", type=int, required=True)
    failed = json.loads(CACHE.read_text(encoding="utf-8")) if CACHE.exists() else {}
    print(*failed, sep="\n")
    return 0 if 0 < len(failed) <= parser.parse_args().at_most else 1


if __name__ == "__main__":
    sys.exit(main())
