"""Healing after a nemesis: what a busy machine does meanwhile does not keep it from its end."""

import random

from tests.failovers.faults import MOVED_WITHIN, planned
from tests.histories.heal import heal_watched
from tests.support.sentinel import Watched, watched_servers
from tests.support.servers import StoreServer


class LateWatched(Watched):
    """Servers, and a first answer about their master that is out of date when it comes."""

    outdated: StoreServer | None = None

    @property
    def master(self) -> StoreServer:
        """The master: the first time, that of before."""
        found, self.outdated = self.outdated or super().master, None
        return found


async def test_the_master_moves_once_more_amid_the_healing() -> None:
    with watched_servers(replicas=2) as watched:
        first = watched.master
        await planned(watched, random.Random())
        late = LateWatched(watched.servers, watched.sentinels)
        late.outdated = first
        await heal_watched(late, within=MOVED_WITHIN)
        master = watched.master
        assert master is not first
        assert master.command("ROLE")[0] == "master"
        assert all(each.command("ROLE")[2] == master.port for each in watched.replicas)
