"""Packets as no client sends them: those of Engine.IO and Socket.IO, mutated."""

from typing import NamedTuple

from hypothesis import strategies as st


class Frame(NamedTuple):
    """A WebSocket frame; bytes may go as text, which they need not be."""

    data: str | bytes
    text: bool | None = None


PROPER: list[str] = [
    *("40", "41", "40/other,", '40{"token":"x"}', '44{"message":"no"}', "42/other,", "3", "5", "1"),
    *('42["incr"]', '421["incr"]', '4212["incr",1]', '42["no such event",{"a":[1,null,true]}]'),
    *('42["session ended",{"reason":"logout"}]', '42["connect"]', '42["current count",7]'),
    *("431[1]", '4399["late"]', "2", "2probe", "3probe", "6", "0{}", "bAAEC", "4"),
    *('40/other,{"nick":"x"}', "41/other,", '42/other,1["take",{"text":"x"}]', "43/other,0[1]"),
    *('42/other,2["take",{"text":"x"},3,"more"]', '42/other,["enter","room"]', '42/other,["go"]'),
    '451-/other,3["photo",{"_placeholder":true,"num":0}]\x1ebAAEC',
    *(
        '451-["incr",{"_placeholder":true,"num":0}]',
        '452-/other,7["a",{"_placeholder":true,"num":1}]',
    ),
    *(
        '461-1[{"_placeholder":true,"num":0}]',
        '451-["incr",{"_placeholder":true,"num":0}]\x1ebAAEC',
    ),
]

NASTY = [
    *(
        "\0",
        "\n",
        "\r\n",
        "\x1b[31m",
        "\x1e",
        "\x7f",
        "\u2028",
        "é",
        "\U0001f9ed",
        "\ufeff",
        "\ud7ff",
    ),
    *('"', "\\", "\\u0000", "\\ud800", "[", "]", "{", "}", "-", "/", ",", ".", "__proto__", "NaN"),
    *("null", "true", "1e999", "-1", "9" * 30, "9" * 5000, "[" * 3000, "{" * 500, "x" * 20_000),
    *('{"_placeholder":true,"num":9}', '{"_placeholder":true}', '"_placeholder"', "incr", "2026"),
]

_places = st.floats(0, 1, exclude_max=True)
_pieces = st.sampled_from(NASTY) | st.text(max_size=8) | st.sampled_from(PROPER)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A proper packet after one to three mutations."""
    packet = draw(st.sampled_from(PROPER))
    for _ in range(draw(st.integers(1, 3))):
        start, length = int(draw(_places) * (len(packet) + 1)), draw(st.integers(0, 3))
        packet = _mutate(packet, start, length, draw(_pieces), draw(st.integers(0, 3)))
    return packet


_bytes = st.one_of(mutated().map(str.encode), mutated().map(str.encode), st.binary(max_size=40))


def frames() -> st.SearchStrategy[Frame]:
    """Mostly text; some are binary, and some of these are sent as text."""
    text = mutated().map(Frame)
    binary = st.builds(Frame, _bytes, st.sampled_from([False, False, True]))
    return st.one_of(text, text, text, binary)


def bodies() -> st.SearchStrategy[bytes]:
    """One polling post of one to four packets."""
    return st.lists(_bytes, min_size=1, max_size=4).map(b"\x1e".join)


def _mutate(packet: str, start: int, length: int, piece: str, how: int) -> str:
    head, middle, tail = packet[:start], packet[start : start + length], packet[start + length :]
    match how:
        case 0:
            return head + tail
        case 1:
            return head + piece + tail
        case 2:
            return head + piece + middle + tail
        case _:
            return head + middle * 3 + tail
