"""Break the code on purpose, one promise at a time, and see it told: `python -m tests.histories.mutants`.

Each mutant is a copy of the checkout in which one text is replaced. It is caught if a run finds the anomaly
that follows from it; a run that fails otherwise has caught nothing.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.histories.anomaly import Anomaly
from tests.mutants.checkout import checkout

HISTORIES = 200
"""Within which a mutant has to be caught."""

_TIMEOUT = 600.0
_WITHIN = 5.0
"""Seconds that an end has: a busy machine is not what a mutant is to be caught by."""


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        name: what is wrong.
        promise: what it breaks.
        file: where.
        old: the text, which is there once.
        new: what stands there in its place.
        module: what catches it.
        arguments: its arguments.
        told: what it says.
    """

    name: str
    promise: str
    file: str
    old: str
    new: str
    module: str
    arguments: Sequence[str]
    told: str


MUTANTS = (
    Mutant(
        "compare-and-set taken out",
        "P1",
        "app/sessions/stores/redis_scripts.py",
        "  if version ~= ARGV[1] then\n",
        "  if false then\n",
        "tests.histories",
        ["--store", "valkey", "--nemesis", "none"],
        Anomaly.TWICE,
    ),
    Mutant(
        "tombstone skipped",
        "P2",
        "app/sessions/stores/redis_scripts.py",
        "redis.call('SET', KEYS[1], 'T' .. ARGV[1] .. ' ' .. ARGV[4] .. predecessor, 'PX', ARGV[2])\n",
        "redis.call('DEL', KEYS[1])\n",
        "tests.histories",
        ["--store", "valkey", "--nemesis", "none"],
        Anomaly.STRANGER,
    ),
    Mutant(
        "index after record",
        "P18",
        "app/sessions/manager.py",
        "        added = await self._entries.add(rotation.key, record)\n"
        "        if signed_in is not None:\n"
        "            at = await self._entries.time(key, record) if added is None else added\n"
        "            record = signed_in(record, at)\n"
        "        try:\n"
        "            found = await rotation.run(record, changes, until=self._entries.latest(added))\n",
        "        try:\n"
        "            found = await rotation.run(record, changes, until=None)\n"
        "            added = await self._entries.add(rotation.key, record)\n",
        "tests.histories",
        ["--store", "valkey", "--nemesis", "slow-links"],
        Anomaly.SERVED,
    ),
    Mutant(
        "a ban ends one session of its user",
        "P18",
        "app/users/users.py",
        "            ended += await self._end(name, [key for key in keys if key not in spared], spared)\n",
        "            ended += await self._end(name, keys[:1], spared)\n",
        "tests.histories",
        ["--store", "valkey", "--nemesis", "none"],
        Anomaly.SERVED,
    ),
    Mutant(
        "what the store says is old by the node's clock",
        "P7",
        "app/sessions/manager.py",
        "            refuse_in_flight(found, self.policy)\n            return None\n"
        "        if found is not None and found.predecessor is not None:\n",
        "            refuse_in_flight(found, self.policy)\n            return None\n"
        "        import time\n"
        "        if found is not None and found.lease is not None and found.lease.now < time.time() - 10:\n"
        "            return None\n"
        "        if found is not None and found.predecessor is not None:\n",
        "tests.histories",
        ["--store", "valkey", "--nemesis", "server-clock"],
        Anomaly.GONE,
    ),
    Mutant(
        "replay off by one",
        "P19",
        "app/realtime/recovery/log.py",
        "            return (self.message.number or 0) > position.own\n",
        "            return (self.message.number or 0) >= position.own\n",
        "tests.histories",
        ["--store", "valkey", "--nemesis", "links"],
        Anomaly.RECEIVED_TWICE,
    ),
)


@contextmanager
def broken(mutant: Mutant) -> Iterator[Path]:
    """Return a copy of the checkout that has the fault."""
    with checkout() as folder:
        file = folder / mutant.file
        text = file.read_text()
        assert text.count(mutant.old) == 1, f"{mutant.file} has changed: mend the mutant"
        file.write_text(text.replace(mutant.old, mutant.new))
        yield folder


def catch(mutant: Mutant, seed: int) -> tuple[int | None, str]:
    """Return within how many histories or tests a mutant is caught, None if it is not; and what was said."""
    command = [sys.executable, "-m", mutant.module, *mutant.arguments]
    if mutant.module == "tests.histories":
        command += ["--seed", str(seed), "--histories", str(HISTORIES), "--stop-early"]
        command += ["--within", str(_WITHIN)]
    with broken(mutant) as folder:
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        run = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    said = [line for line in run.stdout.splitlines() if mutant.told in line]
    if run.returncode != 1 or not said:
        return None, (run.stdout + run.stderr)[-2000:]
    return _tried(run.stdout), said[0].strip()


def _tried(text: str) -> int:
    """Return how many histories, or tests, there were up to the first that is wrong."""
    histories = re.findall(r"^(\d+) histories, ", text, re.MULTILINE)
    if histories:
        return int(histories[-1])
    return sum(int(each) for each in re.findall(r"(\d+) (?:passed|failed)", text.splitlines()[-1]))


def main() -> int:
    """Read the arguments; return 1 if a mutant lives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(each.name for each in MUTANTS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    alive = False
    for mutant in MUTANTS:
        if options.names and mutant.name not in options.names:
            continue
        number, said = catch(mutant, options.seed)
        alive |= number is None
        end = "lives:" if number is None else f"caught within {number} by {mutant.module}:"
        sys.stdout.write(f"{mutant.promise}, {mutant.name}: {end}\n  {said}\n")
        sys.stdout.flush()
    return int(alive)


if __name__ == "__main__":
    sys.exit(main())
