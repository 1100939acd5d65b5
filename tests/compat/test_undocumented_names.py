"""Undocumented names of libraries are as they were when somebody last read them.

After an upgrade the first test fails with the list of what to read again, and of the files that rely on
it. When that is done, `python -m tests.compat --update` records the new state, and app/fast_paths.py
may get the new version.
"""

from tests.compat.record import Entry, changes, current, recorded

BEFORE: dict[str, Entry] = {
    "library:Class.method": {"signature": "(self)", "source": "1234", "used_by": ["app/a.py"]}
}


def test_names_that_are_used_are_as_they_were_read() -> None:
    changed = changes(current(), recorded())

    assert not changed, "\n".join(
        ["read again:", *changed, "then: python -m tests.compat --update"]
    )


def test_what_overrides_is_found_by_itself() -> None:
    found = current()

    handler = found["uvicorn.server:Server.handle_exit"]
    assert handler is not None
    assert handler["used_by"] == ["app/server/server.py"]
    assert handler["signature"] == "(self, sig, frame)"


def test_a_change_is_told_with_the_files_that_rely_on_the_name() -> None:
    (name, known), *_ = BEFORE.items()

    assert changes({name: known}, BEFORE) == []
    assert changes({name: None}, BEFORE) == [f"{name} is gone (app/a.py)"]
    assert changes({}, BEFORE) == [f"{name} is used no longer (app/a.py)"]
    assert changes({name: known}, {}) == [f"{name} is used and was never read (app/a.py)"]
    assert changes({name: {**known, "signature": "(self, x)"}}, BEFORE) == [
        f"{name} has another signature: (self, x) (app/a.py)"
    ]
    assert changes({name: {**known, "source": "5678"}}, BEFORE) == [
        f"{name} has another source (app/a.py)"
    ]
