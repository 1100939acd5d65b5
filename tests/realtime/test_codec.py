"""The fast codec reads and writes what the library reads and writes."""

import json
import re
from typing import Any

import pytest
from engineio import packet as eio_packet
from hypothesis import assume, example, given
from hypothesis import strategies as st
from socketio import packet

from app.realtime.bodies import write_body
from app.realtime.codec import DecodedEvent, Encoded, LibraryCodec
from app.realtime.fast_codec import FastCodec

FAST, LIBRARY = FastCodec(), LibraryCodec()
BOTH = pytest.mark.parametrize("codec", [FAST, LIBRARY], ids=["fast", "library"])

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SHORT_INTEGERS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FORMS = [
    '2["incr"]',
    '217["incr"]',
    '2/admin,["incr"]',
    '2/,5["incr"]',
    '2/admin,17["incr",1]',
    '2/admin?token=x,["incr"]',
    '2/admin["incr"]',
    '2/[,["incr"]',
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
    '2["incr",100000000000000000000]',
    '2["incr",-10000000000000000000]',
    '2["incr",18446744073709551615]',
    '2["incr",1e400]',
]


@given(st.text(alphabet='0123456789[]{}",/-incr\\u ²NaN', max_size=40))
@example("")
def test_whatever_is_read_the_library_reads_the_same(text: str) -> None:
    _compare(text)


@pytest.mark.parametrize("text", FORMS)
def test_forms_that_look_like_events_are_read_as_the_library_reads_them(text: str) -> None:
    _compare(text)


@given(
    st.none() | st.integers(0, 10**14),
    st.text(),
    st.lists(JSON, max_size=3),
    st.sampled_from(["/", "/admin", "/a/b"]),
)
def test_every_event_that_a_client_sends_is_read_as_it_was_sent(
    ack: int | None, name: str, more: list[Any], namespace: str
) -> None:
    written = packet.Packet(packet.EVENT, data=[name, *more], namespace=namespace, id=ack).encode()
    assert isinstance(written, str)

    found = FAST.decode_event(written)
    if found is None:
        other = FAST.decode(written)
        found = DecodedEvent(other.id, other.data, other.namespace or "/")

    assert (found.ack, found.namespace) == (ack, namespace)
    assert found.data == json.loads(json.dumps([name, *more]))
    assert _types(found.data) == _types([name, *more])


@given(st.none() | st.integers(0, 10**14), st.lists(SHORT_INTEGERS, max_size=3))
def test_an_ordinary_event_needs_no_library(ack: int | None, more: list[Any]) -> None:
    written = packet.Packet(packet.EVENT, data=["incr", *more], namespace="/", id=ack).encode()
    assume(not re.search(r"\d{19}", json.dumps(more)))  # so long, it may be no integer of 64 bits
    assert FAST.decode_event(written) is not None


def test_the_library_codec_takes_no_shortcut() -> None:
    assert LIBRARY.decode_event('2["incr"]') is None


@BOTH
@given(name=st.text(), argument=JSON)
def test_an_event_is_written_as_the_library_reads_it(
    codec: LibraryCodec, name: str, argument: Any
) -> None:
    _reads_as(codec.encode_event(name, argument), packet.EVENT, None, [name, argument])


@BOTH
@given(number=st.integers(0, 10**14), answer=JSON)
def test_an_ack_is_written_as_the_library_reads_it(
    codec: LibraryCodec, number: int, answer: Any
) -> None:
    data = [] if answer is None else [answer]
    _reads_as(codec.encode_ack(number, answer), packet.ACK, number, data)


@BOTH
@pytest.mark.parametrize("namespace", ["/", "/admin"])
def test_a_connect_is_written_as_the_library_reads_it(codec: LibraryCodec, namespace: str) -> None:
    [written] = codec.encode_connect({"sid": "an id"}, namespace)
    other = packet.Packet(encoded_packet=written.data)
    assert (other.packet_type, other.namespace or "/") == (packet.CONNECT, namespace)
    assert other.data == {"sid": "an id"}


@BOTH
@given(
    st.sampled_from(["/", "/admin"]),
    st.none() | st.integers(0, 10**14),
    st.lists(JSON | st.binary(), max_size=3),
)
def test_a_body_is_written_as_the_library_reads_it(
    codec: LibraryCodec, namespace: str, number: int | None, arguments: list[Any]
) -> None:
    body = write_body(["name", *arguments])
    head, *parts = codec.encode_body(body, namespace, number)
    found = packet.Packet(encoded_packet=head.data)
    for part in parts:
        found.add_attachment(part.data)
    expected = packet.BINARY_EVENT if parts else packet.EVENT
    assert (found.packet_type, found.namespace or "/", found.id) == (expected, namespace, number)
    assert found.data == ["name", *arguments]


@BOTH
@pytest.mark.parametrize("namespace", ["/", "/admin"])
def test_a_tuple_is_an_ack_of_several_arguments(codec: LibraryCodec, namespace: str) -> None:
    [written] = codec.encode_ack(7, (1, "two"), namespace)
    found = packet.Packet(encoded_packet=written.data)
    assert (found.namespace or "/", found.id, found.data) == (namespace, 7, [1, "two"])


@BOTH
def test_bytes_are_written_as_attachments(codec: LibraryCodec) -> None:
    for parts in (codec.encode_event("name", b"\x00"), codec.encode_ack(1, {"raw": b"\x00"})):
        assert [each.binary for each in parts] == [False, True]
        assert parts[1].encode() == b"\x00"


@BOTH
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("beside", [1, 2**70, "\ud800", b"x"])
def test_what_json_has_no_number_for_is_null(
    codec: LibraryCodec, number: float, beside: Any
) -> None:
    """A client closes a connection on which NaN comes, whoever of them has sent 1e400."""
    value = {"a": [number, {"b": number}, (1.5, number)], "c": beside}
    written = [
        codec.encode_event("name", value, number),
        codec.encode_ack(7, (value, number)),
        codec.encode_body(write_body(["name", value, number]), "/"),
    ]
    for head, *parts in written:
        json.loads(head.data[head.data.index("[") :], parse_constant=pytest.fail)
        found = packet.Packet(encoded_packet=head.data)
        for part in parts:
            found.add_attachment(part.data)
        expected = [{"a": [None, {"b": None}, [1.5, None]], "c": beside}, None]
        assert found.data[-2:] == expected


def test_what_json_has_no_number_for_has_no_bytes_sent_twice() -> None:
    body = write_body(["said", b"x", 2**70, float("nan")])
    assert body.attachments == (b"x",)
    assert body.text == f'["said",{{"_placeholder":true,"num":0}},{2**70},null]'


@BOTH
def test_what_is_no_json_raises(codec: LibraryCodec) -> None:
    with pytest.raises(TypeError):
        codec.encode_event("name", object())


def _compare(text: str) -> None:
    found = FAST.decode_event(text)
    if found is None:
        return
    other = LIBRARY.decode(text)
    assert (other.packet_type, other.namespace or "/") == (packet.EVENT, found.namespace)
    assert other.attachment_count == 0
    assert (other.id, other.data) == (found.ack, found.data)
    assert _types(other.data) == _types(found.data)


def _reads_as(written: Encoded, kind: int, number: int | None, data: list[Any]) -> None:
    [part] = written
    assert part.packet_type == eio_packet.MESSAGE
    other = packet.Packet(encoded_packet=part.data)
    assert (other.packet_type, other.id, other.data) == (kind, number, data)


def _types(data: Any) -> str:
    """Tell 1 from 1.0, which are equal."""
    return repr(json.dumps(data))
