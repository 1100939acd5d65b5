"""Channels and their history, by HTTP."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from chat.channels import enter
from chat.database import Database
from chat.database import database as database_of_app
from chat.main import app
from conftest import Visitors


def test_a_channel_is_made_joined_and_left(visitor: Visitors) -> None:
    ann, bob = visitor("ann"), visitor("bob")
    made = ann.post("/channels", json={"name": "crane", "topic": "Two ships"})
    assert (made.status_code, made.json()["joined"]) == (201, True)
    assert ann.post("/channels", json={"name": "crane"}).json()["type"] == "taken"
    assert bob.get("/channels/crane/messages").json()["type"] == "not-a-member"

    assert bob.put("/channels/crane/members/me").json()["joined"]

    assert bob.get("/channels/crane/members").json() == ["ann", "bob"]
    assert bob.delete("/channels/crane/members/me").status_code == 204
    assert bob.delete("/channels/crane/members/me").status_code == 404
    assert ann.get("/channels/crane/members").json() == ["ann"]
    assert bob.put("/channels/nowhere/members/me").status_code == 404


def test_names_of_channels_are_names(visitor: Visitors) -> None:
    ann = visitor("ann")
    for name in ("", "Crane", "a/b", "x" * 33, "<i>"):
        assert ann.post("/channels", json={"name": name}).status_code == 422


def test_admins_alone_kick_and_who_was_kicked_may_come_back(visitor: Visitors) -> None:
    ann, bob, captain = visitor("ann"), visitor("bob"), visitor("captain")
    assert ann.delete("/channels/general/members/bob").json()["type"] == "admins-only"

    assert captain.delete("/channels/general/members/bob").status_code == 204

    assert bob.get("/channels/general/messages").json()["type"] == "not-a-member"
    assert bob.put("/channels/general/members/me").status_code == 200
    assert bob.get("/channels/general/messages").status_code == 200


def test_numbers_that_no_database_has_are_refused(visitor: Visitors) -> None:
    ann = visitor("ann")
    for query in ({"after": 2**63}, {"before": 2**63}, {"after": -1}):
        assert ann.get("/channels/general/messages", params=query).status_code == 422


def test_the_history_is_read_in_pages_either_way(visitor: Visitors) -> None:
    ann = visitor("ann")
    for number in range(1, 8):
        key = {"Idempotency-Key": f"file-number-{number}"}
        ann.post("/channels/general/files", params={"name": str(number)}, content=b"x", headers=key)

    def page(**query: int) -> tuple[list[int], bool]:
        found = ann.get("/channels/general/messages", params=query).json()
        return [each["number"] for each in found["messages"]], found["more"]

    assert page(limit=3) == ([5, 6, 7], True)
    assert page(before=5, limit=3) == ([2, 3, 4], True)
    assert page(before=2, limit=3) == ([1], False)
    assert page(after=2, limit=3) == ([3, 4, 5], True)
    assert page(after=5, limit=3) == ([6, 7], False)
    assert page(after=7) == ([], False)


def test_the_page_is_served_with_a_policy_that_lets_in_nothing_from_elsewhere(
    visitor: Visitors,
) -> None:
    answer = visitor("ann").get("/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http" not in answer.headers["content-security-policy"]


class Interrupted(Database):
    """A database in which something happens after the first look at who is where."""

    def __init__(self, path: Path, happen: Callable[[], object]) -> None:
        super().__init__(path)
        self.happen: Callable[[], object] | None = happen

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        found = super().rows(query, **values)
        happen, self.happen = self.happen, None
        if happen is not None:
            happen()
        return found


class Rooms(set[str]):
    """All that the handler of a connect asks of a socket."""

    async def join(self, room: str) -> None:
        self.add(room)

    async def leave(self, room: str) -> None:
        self.remove(room)


def test_a_kick_in_the_midst_of_a_connect_wins(visitor: Visitors, database: Path) -> None:
    visitor("bob")
    captain = visitor("captain")
    rooms = Rooms()
    with closing(
        Interrupted(database, lambda: captain.delete("/channels/general/members/bob"))
    ) as db:
        asyncio.run(enter(rooms, "bob", db))  # type: ignore[arg-type] # a double
    assert rooms == set()


def test_a_kick_in_the_midst_of_a_join_wins(visitor: Visitors, database: Path) -> None:
    bob, captain = visitor("bob"), visitor("captain")
    bob.delete("/channels/general/members/me")
    kick = "/channels/general/members/bob"
    with closing(Interrupted(database, lambda: captain.delete(kick))) as interrupted:
        app.dependency_overrides[database_of_app] = lambda: interrupted
        answer = bob.put("/channels/general/members/me")
        assert interrupted.happen is None
    del app.dependency_overrides[database_of_app]
    assert answer.json()["type"] == "not-a-member"
    assert captain.get("/channels/general/members").json() == ["captain"]
