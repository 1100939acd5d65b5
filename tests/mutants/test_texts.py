"""What counts as the text of an error or a log line, which may be written in another way."""

import pytest

from tests.mutants.texts import only_texts_differ

SAME = {
    "marks around it": ('raise KeyError("no such Key")', 'raise KeyError("XXno such KeyXX")'),
    "case": ('raise KeyError("no such Key")', 'raise KeyError("no such key")'),
    "a part of it": (
        'return NameError("one line, " "and One")',
        'return NameError("one line, " "AND ONE")',
    ),
    "a log line": ('logger.info("It is %s", it)', 'logger.info("XXIt is %sXX", it)'),
}
OTHER = {
    "no text": ('raise KeyError("no such key")', "raise KeyError(None)"),
    "other words": ('raise KeyError("no such key")', 'raise KeyError("no such lock")'),
    "one word, which may be data": ('raise KeyError("key")', 'raise KeyError("KEY")'),
    "a reply": ('reply("not found")', 'reply("NOT FOUND")'),
    "a log line's values": (
        'logger.info("it is", extra={"a key": it})',
        'logger.info("it is", extra={"A KEY": it})',
    ),
    "more than a text": ('raise KeyError("a", 1 + 1)', 'raise KeyError("XXaXX", 1 - 1)'),
    "nothing": ('raise KeyError("no such key")', 'raise KeyError("no such key")'),
}


@pytest.mark.parametrize(("was", "becomes"), SAME.values(), ids=SAME)
def test_another_way_to_write_a_text_for_people_is_found(was: str, becomes: str) -> None:
    assert only_texts_differ(was, becomes)


@pytest.mark.parametrize(("was", "becomes"), OTHER.values(), ids=OTHER)
def test_what_may_be_noticed_is_no_other_way_to_write_a_text(was: str, becomes: str) -> None:
    assert not only_texts_differ(was, becomes)
