"""Instructions an operation, counted by Valgrind: they do not depend on what else the machine does.

python -m benchmarks.instructions [--quick] [--only post] [--store redis] [--against REF] [--out FILE]

Counted is what the process executes in user mode; what the kernel does for it (about a third of the
CPU time of a request) is not. `--against` counts another commit, or a checkout's directory, as well.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.callgrind import CountedServer
from benchmarks.load import LoadError, Sockets
from benchmarks.operations import OPERATIONS, PAIRS, Operation
from benchmarks.processes import settle_here
from benchmarks.systems import STORES, StoreServer
from tests.support.processes import ROOT

_WINDOWS = 3
_NAMES = [operation.name for operation in OPERATIONS]

Counts = dict[str, list[float]]
"""Instructions an operation, one number for each window, by the operation's name."""


@dataclass
class Tree:
    """A checkout, and what was counted in it on each store."""

    title: str
    path: Path
    counts: dict[str, Counts] = field(default_factory=dict)


def main() -> int:
    """Count what the arguments ask for, and print a table."""
    wanted = _arguments()
    settle_here()
    operations = [each for each in OPERATIONS if not wanted.only or each.name in wanted.only]
    if wanted.quick:
        operations = [replace(each, times=max(1, each.times // 3)) for each in operations]
    with _trees(wanted.against) as trees:
        for store in wanted.store or STORES:
            for tree in trees:
                tree.counts[store] = _count(tree, store, operations)
    print(table(trees))
    if wanted.out:
        wanted.out.write_text(json.dumps({t.title: t.counts for t in trees}, indent=1) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a third of the work, and a few percent of error"
    )
    parser.add_argument("--only", action="append", choices=_NAMES, help="one operation; repeatable")
    parser.add_argument("--store", action="append", choices=STORES, help="one store; repeatable")
    parser.add_argument("--against", metavar="REF", help="a commit, or the directory of a checkout")
    parser.add_argument("--out", type=Path, help="a file for the counts")
    return parser.parse_args()


@contextmanager
def _trees(against: str | None) -> Iterator[list[Tree]]:
    here = Tree("here", ROOT)
    if against is None:
        yield [here]
    elif Path(against).is_dir():
        yield [Tree(against, Path(against).resolve()), here]
    else:
        with TemporaryDirectory(prefix="mooring-bench-") as directory:
            _check_out(against, Path(directory))
            yield [Tree(against, Path(directory)), here]


def _check_out(ref: str, directory: Path) -> None:
    """Write a commit's package to a directory; a work tree would have to be registered."""
    git = ["git", "-C", str(ROOT), "archive", ref, "app"]
    archive = subprocess.run(git, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)


def _count(tree: Tree, store: str, operations: Sequence[Operation]) -> Counts:
    counts: Counts = {}
    for system in dict.fromkeys(operation.system for operation in operations):
        with (
            TemporaryDirectory(prefix="mooring-bench-") as directory,
            _store(store, Path(directory)) as redis,
            CountedServer(system, redis, tree.path) as server,
        ):
            for operation in operations:
                if operation.system == system:
                    counts |= _windows(server, operation, f"{tree.title}, {store}")
    return counts


@contextmanager
def _store(name: str, directory: Path) -> Iterator[StoreServer | None]:
    if name == "memory":
        yield None
    else:
        with StoreServer(directory) as server:
            yield server


def _windows(server: CountedServer, operation: Operation, where: str) -> Counts:
    """Return the counts of one operation; none where the tree cannot do it."""
    print(f"{operation.title}, {where} ...", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    found: list[float] = []
    try:
        with Sockets() as sockets:
            operation.prepare(sockets, server)
            server.start_counting()
            operation.act(sockets, server, operation.times)
            for _ in range(_WINDOWS):
                with server.counted() as count:
                    operation.act(sockets, server, operation.times)
                found.append(count.instructions / operation.times)
            server.stop_counting()
    except LoadError as error:
        print(f" failed: {error}\n{server.log()}", file=sys.stderr)
        return {}
    seconds = time.perf_counter() - start
    print(f" {statistics.median(found) / 1000:,.1f} thousand, {seconds:.0f} s", file=sys.stderr)
    return {operation.name: found}


def table(trees: Sequence[Tree]) -> str:
    """Write the counts in thousands of instructions, with the furthest window's distance from the median."""
    titles = {operation.name: operation.title for operation in OPERATIONS}
    lines = [f"{'thousand instructions':48} {'store':7}" + "".join(f"{t.title:>22}" for t in trees)]
    for store in trees[0].counts:
        for name, title in titles.items():
            counts = [tree.counts[store].get(name) for tree in trees]
            if any(counts):
                lines.append(
                    f"{title:48} {store:7}" + "".join(map(_cell, counts)) + _change(counts)
                )
    lines += ["", f"{'what it costs':48} {'store':7}" + "".join(f"{t.title:>22}" for t in trees)]
    for store in trees[0].counts:
        for name, base in PAIRS:
            costs = [_cost(tree.counts[store], name, base) for tree in trees]
            if any(costs):
                title = f"{titles[name]}, to {titles[base]}"
                lines.append(f"{title:48} {store:7}" + "".join(f"{cost:>22}" for cost in costs))
    return "\n".join(lines)


def _cell(counts: list[float] | None) -> str:
    if not counts:
        return f"{'-':>22}"
    middle = statistics.median(counts)
    furthest = max(abs(count - middle) for count in counts) / middle
    return f"{middle / 1000:>14,.1f} ±{furthest:5.1%}"


def _change(counts: Sequence[list[float] | None]) -> str:
    if len(counts) < 2 or not all(counts):
        return ""
    before, after = (statistics.median(each) for each in counts if each)
    return f"   {after / before - 1:+.1%}"


def _cost(counts: Counts, name: str, base: str) -> str:
    if name not in counts or base not in counts:
        return ""
    more, without = statistics.median(counts[name]), statistics.median(counts[base])
    return f"{(more - without) / 1000:+,.1f} ({more / without - 1:+.1%})"


if __name__ == "__main__":
    sys.exit(main())
