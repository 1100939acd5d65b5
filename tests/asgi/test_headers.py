"""Header fields: what is read of a request's once for several layers, and what is added to a response's."""

from typing import Any

import pytest

from app.asgi.headers import add_vary, fields_of, has_field, mark_private, read_fields


def test_the_first_value_of_a_field_counts_whatever_follows() -> None:
    scope: dict[str, Any] = {"headers": [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]}
    assert fields_of(scope) == {b"a": b"1", b"b": b"2"}


def test_the_outermost_layer_reads_again_what_another_may_have_changed() -> None:
    scope: dict[str, Any] = {"headers": [(b"a", b"1")]}
    read_fields(scope)
    inner = {**scope, "headers": iter([(b"a", b"2")])}  # ASGI asks for no list
    assert read_fields(inner) == fields_of(inner) == {b"a": b"2"}
    assert fields_of(scope) == {b"a": b"1"}


@pytest.mark.parametrize(("name", "found"), [(b"x-id", True), (b"x", False), (b"id", False)])
def test_a_field_is_found_by_its_whole_name_in_any_case(name: bytes, found: bool) -> None:
    assert has_field([(b"a-x-id", b""), (b"X-ID", b"1"), (b"x-id-b", b"")], name) is found
    assert not has_field([(b"a-x-id", b""), (b"x-id-b", b"")], name)


VARY = {
    b"Accept": b"Accept, Cookie",
    b"Cookie": b"Cookie",
    b"accept, cookie": b"accept, cookie",
    b"*": b"*",
    b"X-Cookie": b"X-Cookie, Cookie",
}


@pytest.mark.parametrize("given", VARY)
def test_a_response_varies_by_a_name_once_in_one_line_wherever_it_stands(given: bytes) -> None:
    for before, after in (([], [(b"a", b"1")]), ([(b"a", b"1")], [])):
        for name in (b"vary", b"Vary"):
            fields = [*before, (name, given), *after]
            for _ in range(2):
                add_vary(fields, b"Cookie")
                assert fields == [*before, (name, VARY[given]), *after]


CACHED = {
    "nothing": ([], [(b"cache-control", b"no-store"), (b"vary", b"Cookie")]),
    "public": (
        [(b"Cache-Control", b"public"), (b"vary", b"Accept")],
        [(b"vary", b"Accept, Cookie"), (b"cache-control", b"no-store")],
    ),
    "private": (
        [(b"cache-control", b"private, max-age=1")],
        [(b"cache-control", b"private, max-age=1"), (b"vary", b"Cookie")],
    ),
    "varying": (
        [(b"vary", b"Accept")],
        [(b"vary", b"Accept, Cookie"), (b"cache-control", b"no-store")],
    ),
    "names like these": (
        [(b"x-cache-control", b"public"), (b"x-vary", b"a")],
        [
            *((b"x-cache-control", b"public"), (b"x-vary", b"a")),
            *((b"cache-control", b"no-store"), (b"vary", b"Cookie")),
        ],
    ),
}


@pytest.mark.parametrize(("given", "marked"), CACHED.values(), ids=CACHED)
def test_a_response_with_a_session_is_kept_out_of_shared_caches(
    given: list[tuple[bytes, bytes]], marked: list[tuple[bytes, bytes]]
) -> None:
    before = [*given]
    assert mark_private(given) == marked
    assert given == before
