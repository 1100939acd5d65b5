"""Files: how large, under which type, for whom."""

import pytest
from conftest import Visitors
from fastapi.testclient import TestClient
from httpx2 import Response

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
MAX_BYTES = 5_000_000


def upload(
    client: TestClient, content: bytes, *, name: str = "a.bin", key: str = "key-of-a-file"
) -> Response:
    return client.post(
        "/channels/general/files",
        params={"name": name},
        content=content,
        headers={"Idempotency-Key": key, "Content-Type": "text/html"},
    )


def test_a_picture_is_shown_and_all_else_is_a_download_of_no_type(visitor: Visitors) -> None:
    ann = visitor("ann")
    contents = {
        PNG: ("image/png", "inline"),
        b"GIF89a...": ("image/gif", "inline"),
        b"\xff\xd8\xff\xe0": ("image/jpeg", "inline"),
        b"<script>alert(1)</script>": ("application/octet-stream", "attachment"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>": ("application/octet-stream", "attachment"),
        b"%PDF-1.7": ("application/octet-stream", "attachment"),
        b"": ("application/octet-stream", "attachment"),
    }
    for number, (content, (kind, how)) in enumerate(contents.items()):
        file = upload(ann, content, name="page.html", key=f"key-of-file-{number}").json()["file"]
        assert file["image"] is (how == "inline")
        got = ann.get(f"/files/{file['id']}")
        assert got.content == content
        assert got.headers["content-type"] == kind
        assert got.headers["content-disposition"].startswith(f"{how};")
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_five_megabytes_are_taken_and_one_byte_more_is_not(visitor: Visitors) -> None:
    ann = visitor("ann")
    assert upload(ann, b"x" * MAX_BYTES).status_code == 201
    assert upload(ann, b"x" * (MAX_BYTES + 1), key="key-of-another").status_code == 413
    assert len(ann.get("/channels/general/messages").json()["messages"]) == 1


def test_a_repeated_upload_is_one_message(visitor: Visitors) -> None:
    ann = visitor("ann")
    first, again = upload(ann, PNG), upload(ann, PNG)
    assert first.json() == again.json()
    assert upload(ann, PNG + b"y").json()["type"] == "idempotency-key-reused"
    assert len(ann.get("/channels/general/messages").json()["messages"]) == 1


def test_a_file_is_for_members_of_its_channel(visitor: Visitors) -> None:
    ann, bob = visitor("ann"), visitor("bob")
    file = upload(ann, PNG).json()["file"]["id"]
    assert bob.get(f"/files/{file}").status_code == 200
    bob.delete("/channels/general/members/me")
    assert bob.get(f"/files/{file}").status_code == 404
    assert upload(bob, PNG).json()["type"] == "not-a-member"


@pytest.mark.parametrize("name", ["../etc/passwd", "a\\b", "a\nb", "", "x" * 121])
def test_a_name_that_could_be_a_path_or_a_header_is_refused(visitor: Visitors, name: str) -> None:
    assert upload(visitor("ann"), PNG, name=name).status_code == 422


def test_a_name_in_any_script_comes_back(visitor: Visitors) -> None:
    ann = visitor("ann")
    file = upload(ann, PNG, name='Größe "1" 船.png').json()["file"]
    how = ann.get(f"/files/{file['id']}").headers["content-disposition"]
    assert how == "inline; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%20%E8%88%B9.png"


def test_a_file_has_a_name_that_can_be_seen(visitor: Visitors) -> None:
    ann = visitor("ann")
    for name in ("", " ", "\u00a0", "a/b", "a\nb", "x" * 121):
        assert upload(ann, PNG, name=name).status_code == 422, name
    assert (
        upload(ann, PNG, name=" a.png ", key="key-of-a-picture").json()["file"]["name"] == "a.png"
    )
