"""Plain packets: what is read and written directly is what the library would read and write."""

import json
from typing import Any

import pytest
from engineio import packet as eio_packet
from hypothesis import example, given
from hypothesis import strategies as st
from socketio import packet

from app.realtime import wire

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FORMS = [
    '2["incr"]',
    '217["incr"]',
    '2/admin,["incr"]',
    '2/,5["incr"]',
    '51-["incr",{"_placeholder":true,"num":0}]',
    "2",
    "2[",
    '2["incr"',
    "2{}",
    "2[]",
    "2[1]",
    '2²["incr"]',
    '2-1["incr"]',
    '2 1["incr"]',
    '2["\\ud800"]',
    "2[NaN]",
    '2["incr"]x',
    "3[1]",
    "0",
    "",
    "2" + "9" * 30 + '["incr"]',
    '2["a","' + "b" * 50 + '["]',
]


@given(st.text(alphabet='0123456789[]{}",/-incr\\u ²NaN', max_size=40))
@example("")
def test_whatever_is_read_the_library_reads_the_same(text: str) -> None:
    _compare(text)


@pytest.mark.parametrize("text", FORMS)
def test_forms_that_look_like_events_are_read_as_the_library_reads_them(text: str) -> None:
    _compare(text)


@given(st.none() | st.integers(0, 10**14), st.text(), st.lists(JSON, max_size=3))
def test_every_event_that_a_client_sends_is_read(
    ack: int | None, name: str, more: list[Any]
) -> None:
    written = packet.Packet(packet.EVENT, data=[name, *more], namespace="/", id=ack).encode()

    assert isinstance(written, str)
    assert wire.read_event(written) == (ack, json.loads(json.dumps([name, *more])))


@given(st.text(), JSON)
def test_an_event_is_written_as_the_library_writes_it(name: str, argument: Any) -> None:
    _reads_as(wire.event(name, argument), packet.EVENT, None, [name, argument])


@given(st.integers(0, 10**14), JSON)
def test_an_ack_is_written_as_the_library_writes_it(number: int, answer: Any) -> None:
    _reads_as(wire.ack(number, answer), packet.ACK, number, [] if answer is None else [answer])


@pytest.mark.parametrize("value", [b"bytes", {1: "no text"}, {1, 2}, object()])
def test_what_is_no_plain_json_is_left_to_the_library(value: Any) -> None:
    assert wire.event("name", value) is None
    assert wire.ack(1, value) is None


def _compare(text: str) -> None:
    found = wire.read_event(text)
    if found is None:
        return
    other = packet.Packet(encoded_packet=text)
    assert (other.packet_type, other.namespace or "/") == (packet.EVENT, "/")
    assert other.attachment_count == 0
    assert (other.id, other.data) == found


def _reads_as(written: Any, kind: int, number: int | None, data: list[Any]) -> None:
    assert written.packet_type == eio_packet.MESSAGE
    other = packet.Packet(encoded_packet=written.data)
    assert (other.packet_type, other.id, other.data) == (kind, number, data)
