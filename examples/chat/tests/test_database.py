"""The file of the history, as several nodes use it at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from chat.database import Database
from chat.errors import NotAMemberError
from chat.messages import add
from chat.models import Draft
from chat.people import remember

NODES = 6


def test_nodes_that_start_at_once_make_one_history(tmp_path: Path) -> None:
    def start(barrier: Barrier, file: Path) -> None:
        barrier.wait()
        Database(file).close()

    with ThreadPoolExecutor(NODES) as pool:
        for number in range(25):
            barrier = Barrier(NODES)
            file = tmp_path / f"{number}.sqlite3"
            for each in [pool.submit(start, barrier, file) for _ in range(NODES)]:
                each.result()


def test_messages_of_several_nodes_have_numbers_without_a_gap(tmp_path: Path) -> None:
    nodes = [Database(tmp_path / "chat.sqlite3") for _ in range(NODES)]
    remember(nodes[0], "ann")

    def talk(node: int) -> list[int]:
        drafts = [Draft(id=f"draft-{node}-{n}", channel="general", text="x") for n in range(20)]
        return [add(nodes[node], draft, "ann").number for draft in drafts]

    with ThreadPoolExecutor(NODES) as pool:
        numbers = [number for found in pool.map(talk, range(NODES)) for number in found]

    assert sorted(numbers) == list(range(1, NODES * 20 + 1))
    for each in nodes:
        each.close()


def test_one_draft_on_all_nodes_at_once_is_one_message(tmp_path: Path) -> None:
    nodes = [Database(tmp_path / "chat.sqlite3") for _ in range(NODES)]
    remember(nodes[0], "ann")
    draft = Draft(id="the-same-draft", channel="general", text="x")

    with ThreadPoolExecutor(NODES) as pool:
        messages = list(pool.map(lambda node: add(node, draft, "ann"), nodes))

    assert {each.number for each in messages} == {1}
    for each in nodes:
        each.close()


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "chat.sqlite3")
    remember(db, "ann")
    file = {"id": "f", "name": "f", "type": "x/y", "size": 1, "content": b"x"}
    draft = Draft(id="draft-of-nobody", channel="general", text="x")
    with pytest.raises(NotAMemberError):
        add(db, draft, "bob", kind="file", file=file)

    def half() -> None:
        with db.transaction() as write:
            write.execute("INSERT INTO file VALUES ('f', 'f', 'x/y', 1, x'00')")
            write.execute("INSERT INTO member VALUES ('nowhere', 'ann', 0)")

    with pytest.raises(sqlite3.IntegrityError):
        half()
    assert db.rows("SELECT * FROM file") == []
    db.close()
