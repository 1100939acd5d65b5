"""The Cookie field, as clients write it: our cookie is found in all dialects, and only ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import cookie_parser

from app.http.cookies import CookieAttributes, SessionCookie
from app.sessions import CookieSigner
from app.sessions.ids import new_session_id

SIGNER = CookieSigner(["a secret of these tests"])
COOKIE = SessionCookie(CookieAttributes(), SIGNER)
IDS = [new_session_id() for _ in range(18)]
VALUES = [SIGNER.sign(each) for each in IDS]
ONE, OTHER = VALUES[:2]

WRITTEN = {
    "plain": f"session={ONE}",
    "quoted": f'session="{ONE}"',
    "JDK": f'$Version="1"; session="{ONE}"; $Path="/"; $Domain="shop.example"',
    "JDK without blanks": f'$Version="1";session="{ONE}";$Path="/"',
    "blanks around the equals sign": f"a=b; session = {ONE} ; c=d",
    "tabs": f"a=b;\tsession\t=\t{ONE}\t",
    "blanks around quotes": f'session= "{ONE}" ',
    "empty pairs": f";; ;session={ONE};;",
    "no blank after the semicolon": f"a=b;session={ONE};c=d",
    "a pair without a name": f"=x; session={ONE}",
    "a pair without a value": f"flag; session={ONE}; other",
    "another's quotes": f'prefs="a b, c"; session={ONE}',
    "another's broken quotes": f'prefs="a; session={ONE}',
    "another's JSON": f'prefs={{"a":"b=c"}}; session={ONE}',
    "another's bytes": f"name=Zoë €; session={ONE}",
    "another of a longer name": f"xsession={OTHER}; session={ONE}; sessions={OTHER}",
    "our name in another's value": f"last=session={OTHER}; session={ONE}",
    "another's case": f"Session={OTHER}; session={ONE}",
    "wrong ones of our name": f'session=; session; session="; session=""; session=x; session={ONE}',
}


def _ids(*lines: str) -> list[str]:
    return COOKIE.session_ids([(b"cookie", line.encode()) for line in lines])


@pytest.mark.parametrize("header", WRITTEN.values(), ids=WRITTEN)
def test_the_cookie_is_found_as_clients_write_it(header: str) -> None:
    assert _ids(header) == IDS[:1]


def test_several_are_found_in_their_order_each_once_also_over_several_fields() -> None:
    assert _ids(f"session={ONE}; session={OTHER}; session={ONE}") == IDS[:2]
    assert _ids(f"session={OTHER}", "a=b", f"session={ONE}") == IDS[1::-1]


def test_no_more_than_sixteen_are_of_interest() -> None:
    assert _ids("; ".join(f"session={each}" for each in VALUES)) == IDS[:16]


@pytest.mark.parametrize("others", ["", f"a={'b' * 600}; "], ids=["a short line", "a long one"])
def test_a_line_means_the_same_each_time_whoever_changes_what_was_returned(others: str) -> None:
    header = f"{others}session=wrong; session={ONE}"
    for _ in range(3):
        found = _ids(header)
        assert found == IDS[:1]
        found.clear()


@pytest.mark.parametrize("header", ["", ";", "=", "session", "session=", 'session="', "sess=1"])
def test_without_one_there_is_none(header: str) -> None:
    assert _ids(header) == []


def test_any_cookie_of_our_name_counts_as_present() -> None:
    for header in (f'session = "{ONE}"', "a=b; session=wrong"):
        assert COOKIE.present([(b"cookie", header.encode())])
    assert not COOKIE.present([(b"cookie", b"sessions=1; Session=2; a=session")])


_ours = st.sampled_from(VALUES[:2])
_quote = st.sampled_from(["{}", '"{}"', ' "{}"'])
_blank = st.sampled_from(["", " ", "\t", "  "])
_pair = st.builds(
    lambda value, quote, one, two: f"session{one}={two}{quote.format(value)}",
    _ours,
    _quote,
    _blank,
    _blank,
)
_noise = st.sampled_from(
    ["", " ", "a=b", "flag", "=", '$Version="1"', '$Path="/"', 'q="a, b"', f"x{ONE}", "session=x"]
)


@given(st.lists(st.tuples(_noise, _pair, _noise), min_size=1, max_size=4), _blank)
def test_whatever_stands_around_them_valid_ones_are_found(
    pairs: list[tuple[str, str, str]], blank: str
) -> None:
    header = f";{blank}".join(each for group in pairs for each in group)
    sent = dict.fromkeys(IDS[VALUES.index(ONE if ONE in pair else OTHER)] for _, pair, _ in pairs)
    assert _ids(header) == list(sent)


_fragments = st.sampled_from(
    [
        "session",
        "=",
        ";",
        '"',
        " ",
        "\t",
        ",",
        "\\",
        ONE,
        OTHER,
        ONE[:43],
        "$Path",
        "x",
        "é",
        "\xa0",
    ]
)


@given(st.lists(_fragments, max_size=20).map("".join))
def test_what_starlette_reads_as_our_cookie_is_found_and_nothing_but_what_was_sent(
    header: str,
) -> None:
    found = _ids(header)

    assert all(SIGNER.sign(each) in header for each in found)
    read = SIGNER.verify(cookie_parser(header).get("session", ""))
    assert read is None or read in found
