"""python -m tests.compat --update: record the libraries' names as they are, after reading them again."""

import sys

from tests.compat.record import FILE, update

if sys.argv[1:] != ["--update"]:
    sys.exit(__doc__)
update()
sys.stdout.write(f"{FILE} is written; git diff shows what changed\n")
