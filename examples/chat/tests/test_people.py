"""Signing in, devices, and who may not come back."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chat.database import Database
from chat.database import database as database_of_app
from chat.main import app
from conftest import Visitors
from fastapi.testclient import TestClient


def test_looking_opens_no_session(visitor: Visitors) -> None:
    ann = visitor("ann")
    ann.cookies.clear()
    answer = ann.get("/me")
    assert answer.json() == {"name": None, "admin": False}
    assert "set-cookie" not in answer.headers


def test_whoever_says_a_name_is_believed_and_starts_in_general(visitor: Visitors) -> None:
    ann = visitor("ann")
    assert ann.get("/me").json() == {"name": "ann", "admin": False}
    assert visitor("captain").get("/me").json() == {"name": "captain", "admin": True}
    [general] = ann.get("/channels").json()
    assert (general["name"], general["joined"]) == ("general", True)


@pytest.mark.parametrize("name", ["", "Ann", "a b", "<b>", "x" * 33, "-a"])
def test_a_name_that_is_none_is_refused_and_leaves_no_session(visitor: Visitors, name: str) -> None:
    client = visitor("ann")
    client.cookies.clear()
    answer = client.post("/sign-in", json={"name": name})
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers


def test_without_a_sign_in_nothing_is_to_be_seen(visitor: Visitors) -> None:
    client = visitor("ann")
    client.cookies.clear()
    for path in ("/channels", "/people", "/channels/general/messages", "/files/x", "/devices"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (401, "sign-in-required")


def test_one_device_signs_another_out(visitor: Visitors) -> None:
    # The app's sessions are in memory, and those of other tests are among them.
    phone, laptop = visitor("one-of-two"), visitor("one-of-two")
    [other] = [each["key"] for each in phone.get("/devices").json() if not each["current"]]
    assert phone.delete(f"/devices/{other}").status_code == 204
    assert laptop.get("/me").json()["name"] is None
    assert phone.get("/me").json()["name"] == "one-of-two"


def test_admins_alone_ban_and_who_is_banned_is_out_until_pardoned(visitor: Visitors) -> None:
    ann, bob, captain = visitor("ann"), visitor("bob"), visitor("captain")
    assert ann.put("/people/bob/ban").json()["type"] == "admins-only"
    assert captain.put("/people/nobody/ban").status_code == 404
    assert captain.put("/people/captain/ban").status_code == 404
    assert bob.get("/channels").status_code == 200

    assert captain.put("/people/bob/ban").status_code == 204

    assert bob.get("/channels").status_code == 401
    refused = bob.post("/sign-in", json={"name": "bob"})
    assert (refused.status_code, refused.json()["type"]) == (403, "banned")
    assert bob.get("/me").json()["name"] is None
    assert captain.delete("/people/bob/ban").status_code == 204
    assert bob.post("/sign-in", json={"name": "bob"}).status_code == 200


class Interrupted(Database):
    """A database that lets something happen once somebody was found not to be banned."""

    def __init__(self, path: Path, happen: Callable[[], object]) -> None:
        super().__init__(path)
        self.happen: Callable[[], object] | None = happen

    def row(self, query: str, **values: object) -> dict[str, Any] | None:
        found = super().row(query, **values)
        happen, self.happen = self.happen, None
        if happen is not None:
            happen()
        return found


def test_a_ban_in_the_midst_of_a_sign_in_wins(visitor: Visitors, database: Path) -> None:
    visitor("bob")
    captain = visitor("captain")
    late = TestClient(app)
    with closing(Interrupted(database, lambda: captain.put("/people/bob/ban"))) as interrupted:
        app.dependency_overrides[database_of_app] = lambda: interrupted

        answer = late.post("/sign-in", json={"name": "bob"})

        assert interrupted.happen is None
    del app.dependency_overrides[database_of_app]
    assert answer.json()["type"] == "banned"
    assert late.get("/me").json()["name"] is None
    people = {each["name"]: each for each in captain.get("/people").json()}
    assert people["bob"]["banned"]
