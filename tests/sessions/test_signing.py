"""The cookie's signature: we accept exactly the values that we issued."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import CookieSigner
from app.sessions.ids import new_session_id
from tests.support.samples import PROOF, times

NEWEST, OLDER = "newest-secret-of-the-tests" * 2, "older-secret-of-the-tests" * 2
CHARACTERS = string.printable + "\x00\x7f\xa0é"
SESSION_ID = "Kk0zPq1-_abcdefghijklmnopqrstuvwxyzABCDEFGH"

steadily = settings(derandomize=not PROOF, deadline=None, max_examples=times(150, of=500))


@pytest.fixture(scope="module")
def signer() -> CookieSigner:
    return CookieSigner([NEWEST])


@pytest.fixture(scope="module")
def value(signer: CookieSigner) -> str:
    """A value that was issued."""
    return signer.sign(SESSION_ID)


def test_a_value_that_was_issued_gives_its_id(signer: CookieSigner) -> None:
    for session_id in (new_session_id() for _ in range(200)):
        assert signer.verify(signer.sign(session_id)) == session_id


def test_a_value_is_the_id_a_dot_and_a_signature_of_256_bits(value: str) -> None:
    session_id, dot, signature = value.partition(".")
    assert (session_id, dot, len(signature)) == (SESSION_ID, ".", 43)


def test_the_first_secret_signs_and_all_verify() -> None:
    before, after = CookieSigner([OLDER]), CookieSigner([NEWEST, OLDER])
    assert after.sign(SESSION_ID) == CookieSigner([NEWEST]).sign(SESSION_ID)
    assert after.verify(before.sign(SESSION_ID)) == SESSION_ID
    assert after.verify(after.sign(SESSION_ID)) == SESSION_ID


def test_a_secret_that_was_taken_off_the_list_verifies_nothing() -> None:
    issued = CookieSigner([OLDER]).sign(SESSION_ID)
    assert CookieSigner([NEWEST]).verify(issued) is None


def test_every_single_character_counts(signer: CookieSigner, value: str) -> None:
    for position, right in enumerate(value):
        for wrong in CHARACTERS:
            changed = value[:position] + wrong + value[position + 1 :]
            assert (signer.verify(changed) == SESSION_ID) is (wrong == right), (position, wrong)


def test_the_last_digit_has_no_second_spelling(signer: CookieSigner) -> None:
    # It carries four bits of the signature and two to spare, which a lenient decoder ignores.
    for session_id in (new_session_id() for _ in range(50)):
        value = signer.sign(session_id)
        accepted = [
            digit
            for digit in string.ascii_letters + string.digits + "-_"
            if signer.verify(value[:-1] + digit)
        ]
        assert accepted == [value[-1]]


def test_a_value_with_a_character_more_or_less_is_refused(signer: CookieSigner, value: str) -> None:
    for position in range(len(value)):
        assert signer.verify(value[:position] + value[position + 1 :]) is None
    for position in range(len(value) + 1):
        for extra in "A=. \n\x00":
            assert signer.verify(value[:position] + extra + value[position:]) is None


def test_a_truncated_value_is_refused(signer: CookieSigner, value: str) -> None:
    assert not any(signer.verify(value[:length]) for length in range(len(value)))
    assert not any(signer.verify(value[start:]) for start in range(1, len(value)))


def test_a_signature_fits_no_other_id(signer: CookieSigner, value: str) -> None:
    signature = value.partition(".")[2]
    for other in (new_session_id() for _ in range(50)):
        assert signer.verify(f"{other}.{signature}") is None


WRONG: dict[str, Callable[[str], str]] = {
    "empty": lambda value: "",
    "unsigned": lambda value: SESSION_ID,
    "unsigned, with a dot": lambda value: f"{SESSION_ID}.",
    "made up": lambda value: f"{'A' * 43}.{'A' * 43}",
    "upper case": lambda value: value.upper(),
    "lower case": lambda value: value.lower(),
    "case swapped": lambda value: value.swapcase(),
    "quoted": lambda value: f'"{value}"',
    "in spaces": lambda value: f" {value} ",
    "with a line end": lambda value: value + "\n",
    "padded": lambda value: value + "=",
    "url-encoded": lambda value: value.replace(".", "%2E"),
    "twice": lambda value: value + value,
    "twice, with a comma": lambda value: f"{value}, {value}",
    "of another library": lambda value: f"s:{value}",
    "backwards": lambda value: value[::-1],
    "3.5 KB": lambda value: value + "A" * 3500,
    "3.5 KB of dots": lambda value: "." * 3500,
    "control characters": lambda value: "\x00\x01\x1f\x7f",
    "control characters in it": lambda value: value.replace(".", "\x00"),
    "full-width digits": lambda value: "\uff11" * 43 + value[43:],
    "a lone surrogate": lambda value: "\ud800" + value[1:],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_refused(signer: CookieSigner, value: str, wrong: str) -> None:
    assert signer.verify(WRONG[wrong](value)) is None


def test_what_we_signed_but_is_no_session_id_is_refused(signer: CookieSigner) -> None:
    for text in ("", "admin", "a.b", SESSION_ID + "A", f"{SESSION_ID}.{SESSION_ID}"):
        assert signer.verify(signer.sign(text)) is None


@pytest.mark.proof
@steadily
@given(st.text() | st.text(string.ascii_letters + string.digits + "-_.=", max_size=200))
def test_random_text_is_refused_and_never_an_error(text: str) -> None:
    assert CookieSigner([NEWEST, OLDER]).verify(text) is None


@pytest.mark.proof
@steadily
@given(st.from_regex(r"[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_what_only_looks_like_a_value_is_refused(text: str) -> None:
    assert CookieSigner([NEWEST, OLDER]).verify(text) is None
