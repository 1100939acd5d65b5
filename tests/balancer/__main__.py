"""Poll as often as is asked for, and say what it came to; 1 if anything was not to be, or it was too slow."""

import argparse
import asyncio
import os
import sys

from tests.balancer.client import Seen
from tests.balancer.run import NODES, Outcome, percentile, run, three_nodes
from tests.support.servers import store_server

_SLOWER = 3.0
"""What is promised of the slowest hundredth of the polls, beside those of sticky clients."""


async def _run(options: argparse.Namespace) -> Outcome:
    with store_server(options.store) as server:
        async with three_nodes(server) as nodes:
            return await run(
                server,
                nodes,
                options.polls,
                clients=options.clients,
                pace=options.pace,
                seed=options.seed,
            )


def _line(name: str, seen: Seen) -> str:
    shown = [f"{1000 * percentile(seen.polls, part):.1f}" for part in (0.5, 0.9, 0.99, 0.999)]
    posts = [f"{1000 * percentile(seen.posts, part):.1f}" for part in (0.5, 0.9, 0.99, 0.999)]
    requests = len(seen.polls) + len(seen.posts)
    return (
        f"{name}: {len(seen.polls)} polls, p50/p90/p99/p99.9 {'/'.join(shown)} ms;"
        f" {len(seen.posts)} posts, {'/'.join(posts)} ms;"
        f" for each request {1e6 * seen.nodes_cpu / requests:.0f} µs CPU of nodes,"
        f" {1e6 * seen.server_cpu / requests:.0f} of the server"
    )


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = int(os.environ.get("BALANCER_POLLS", "100000"))
    parser.add_argument("--polls", type=int, default=default)
    parser.add_argument("--clients", type=int, default=30, help="at once")
    parser.add_argument("--pace", type=float, default=0.08, help="seconds between two exchanges")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", default="valkey", help="valkey or redis")
    options = parser.parse_args()
    outcome = asyncio.run(_run(options))
    lines = [
        f"{NODES} nodes, {options.clients} clients, seed {options.seed}",
        _line("in turn", outcome.in_turn),
        _line("sticky ", outcome.sticky),
        f"p99 {outcome.slower:.2f} times that of sticky polls",
        *outcome.violations,
    ]
    sys.stdout.write("".join(f"{each}\n" for each in lines))
    return int(bool(outcome.violations) or outcome.slower > _SLOWER)


if __name__ == "__main__":
    sys.exit(main())
