"""python -m benchmarks.siege.attacker KIND PORT: attack a node until killed."""

import asyncio
import sys

from benchmarks.siege.attacks import attack

if __name__ == "__main__":
    asyncio.run(attack(sys.argv[1], int(sys.argv[2])))
