"""The file of the history, as several nodes use it at once."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from chat.database import Database
from chat.errors import NotAMemberError
from chat.messages import add
from chat.models import Draft
from chat.people import remember
from chat.reminders import keep_reminding, take_due
from conftest import eventually
from fastapi_mooring import Emitter
from pydantic import ValidationError

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


def test_a_commit_that_fails_keeps_nobody_from_writing(tmp_path: Path) -> None:
    db = Database(tmp_path / "chat.sqlite3")
    remember(db, "ann")

    def fail() -> None:
        with db.transaction() as write:
            write.execute("PRAGMA defer_foreign_keys = ON")
            write.execute("INSERT INTO member VALUES ('nowhere', 'ann', 0)")

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    assert add(db, Draft(id="draft-after-it", channel="general", text="x"), "ann").number == 1
    db.close()


def test_what_ends_its_transaction_itself_is_told_by_its_own_error(tmp_path: Path) -> None:
    db = Database(tmp_path / "chat.sqlite3")

    def fail() -> None:
        with db.transaction() as write:
            write.execute("ROLLBACK")  # as a full disk does it
            write.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        fail()
    db.close()


def _remind(db: Database, person: str, text: str) -> None:
    with db.transaction() as write:
        query = "INSERT INTO reminder (channel, person, text, due_at) VALUES ('general', ?, ?, 0)"
        write.execute(query, (person, text))


def test_each_reminder_is_said_once_whatever_its_author_was_reminded_of_before(
    tmp_path: Path,
) -> None:
    db = Database(tmp_path / "chat.sqlite3")
    remember(db, "ann")
    for text in ("tea", "more tea"):
        _remind(db, "ann", text)
        assert [each.text for each in take_due(db, now=1.0)] == [text]
        assert take_due(db, now=1.0) == []
    db.close()


def test_nobody_keeps_reminders_of_all_from_being_said(tmp_path: Path) -> None:
    db = Database(tmp_path / "chat.sqlite3")
    for name in ("ann", "bob"):
        remember(db, name)
    for number in range(4):
        add(db, Draft(id=f"reminder-{number}", channel="general", text="ha"), "bob")
    for person in ("bob", "ann"):
        _remind(db, person, "tea")
    assert [each.author for each in take_due(db, now=1.0)] == ["bob", "ann"]
    with pytest.raises(ValidationError):
        Draft(id="reminder:1", channel="general", text="x")
    db.close()


class _Sent(Emitter):
    def __init__(self) -> None:
        self.texts: list[str] = []

    async def emit(self, event: str, *args: Any, **options: Any) -> None:
        self.texts.append(args[0].text)


def test_a_database_that_fails_for_a_while_ends_no_worker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chat.sqlite3"
    db = Database(file)
    remember(db, "ann")
    emitter = _Sent()

    async def story() -> None:
        reminding = asyncio.create_task(keep_reminding(file, emitter, 0.01))
        _remind(db, "ann", "tea")
        await eventually(lambda: emitter.texts == ["tea"])
        with db.transaction() as write:
            write.execute("ALTER TABLE reminder RENAME TO gone")
        await eventually(lambda: "reminders wait: no such table" in capsys.readouterr().out)
        with db.transaction() as write:
            write.execute("ALTER TABLE gone RENAME TO reminder")
        _remind(db, "ann", "more tea")
        await eventually(lambda: emitter.texts == ["tea", "more tea"])
        reminding.cancel()
        await asyncio.wait([reminding])

    asyncio.run(story())
    db.close()
