"""The AsyncAPI document and the TypeScript types of a product: nothing hides anything else."""

import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, create_model

from app import EventRouter, Mooring, Settings, Socket
from app.typescript.__main__ import main
from app.typescript.events import event_types
from tests.browser.site import SPA
from tests.support.processes import ROOT


class Auth(BaseModel):
    """What a client says of itself."""

    token: str
    page: int = 1


class Data(BaseModel):
    """What is sent along."""

    tags: list[str]
    photo: bytes | None = None


def new_app() -> FastAPI:  # noqa: C901 - handlers
    """An app whose events are hard to tell apart."""
    app = FastAPI(title="Hard")
    mooring = Mooring(app, Settings(_env_file=None))
    root, admin = EventRouter(), EventRouter(namespace="/admin")
    one = create_model("Line", __module__="one", text=(str, ...))
    other = create_model("Line", __module__="other", number=(int, ...))

    @root.on_connect
    async def enter(socket: Socket, auth: Auth) -> None:
        """Say who you are."""

    @root.on("a b")
    async def spaced(id: int, data: Data) -> tuple[str, bytes]:  # noqa: A002 - as a product may have it
        """Send both."""
        return str(id), data.photo or b""

    @root.on("a-b")
    async def dashed(line: one, last: int = 5) -> list[str]:
        return []

    @root.on("say")
    async def say(*words: str) -> None: ...

    @root.on("list")
    async def tags(tags: list[str]) -> None: ...

    @root.on("pay", once=True)
    async def pay(amount: int, note: str = "") -> int:
        """Pay once."""
        return amount

    root.sends("say", other, bytes, description="What was said.")
    root.sends("tick")
    root.sends("words", other, description="An answer, word by word.", stream=True)

    @admin.on("a b")
    async def spaced_too() -> int:
        return 1

    @app.get("/data/{key}")
    async def data(key: int, page: int = 1) -> Data:
        return Data(tags=[])

    for router in (root, admin):
        mooring.include_router(router)
    app.state.mooring = mooring
    return app


@pytest.fixture
def document() -> dict[str, Any]:
    """The AsyncAPI document of that app."""
    found: dict[str, Any] = new_app().state.mooring.asyncapi()
    return found


def test_every_event_of_every_namespace_is_there(document: dict[str, Any]) -> None:
    found = {
        (each["channel"]["$ref"], each["action"], each["title"])
        for each in document["operations"].values()
    }
    root, admin = "#/channels/root", "#/channels/admin"
    assert found == {
        (root, "receive", "connect"),
        *((root, "receive", name) for name in ("a b", "a-b", "say", "list", "pay")),
        *((root, "send", name) for name in ("say", "tick", "words", "session ended")),
        (admin, "receive", "a b"),
        (admin, "send", "session ended"),
    }
    assert {each["address"] for each in document["channels"].values()} == {"/", "/admin"}
    lines = [name for name in document["components"]["schemas"] if name.startswith("Line")]
    assert len(lines) == 2
    for each in document["operations"].values():
        for message in each["messages"]:
            _, _, channel, _, slug = message["$ref"].split("/")
            assert document["channels"][channel]["messages"][slug]["x-arguments"] is not None


def test_an_event_that_takes_effect_once_has_an_id(document: dict[str, Any]) -> None:
    message = document["channels"]["root"]["messages"]["pay"]
    payload = message["payload"]
    assert message["x-arguments"] == ["id", "amount", "note"]
    assert payload["minItems"] == 2
    id_, *_ = payload["prefixItems"]
    assert (id_["type"], id_["minLength"], id_["maxLength"]) == ("string", 8, 64)


@pytest.mark.slow
def test_events_of_a_namespace_with_recovery_have_an_offset() -> None:
    app = FastAPI()
    mooring = Mooring(app, Settings(_env_file=None))
    router = EventRouter("/feed", recovery=True)
    router.sends("said", str, description="A line.")
    router.sends("nothing")
    router.sends("count", int, state=lambda data: data.get("count", 0))
    mooring.include_router(router)
    document = mooring.asyncapi()
    types = event_types(document)
    assert "said: (value: string, offset?: string) => void;" in types
    assert "nothing: (offset?: string) => void;" in types
    assert "count: (value: number) => void;" in types, "state is published"
    assert '"session ended": (value: SessionEnded) => void;' in types
    assert "offset" in document["channels"]["feed"]["description"]
    assert "offset" not in document["channels"]["root"]["description"]


@pytest.mark.slow
def test_the_public_parser_finds_no_fault(document: dict[str, Any]) -> None:
    node = ROOT / ".venv" / "bin" / "node"
    ran = subprocess.run(
        [str(node) if node.exists() else "node", "tests/js/asyncapi.mjs"],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert json.loads(ran.stdout) == {"valid": True, "errors": []}


def test_the_types_say_what_may_be_sent(document: dict[str, Any]) -> None:
    text = event_types(document)

    for line in (
        '"a b": (id: number, data: Data, ack?: (...answer: [string, Uint8Array] | [ErrorAck]) => void)',
        ", last?: number, ack?: (answer: string[] | ErrorAck) => void)",
        "list: (tags: string[], ack?: (error?: ErrorAck) => void)",
        "say: (...args: [...more: string[]] | [...more: string[], ack: (error?: ErrorAck) => void])",
        ", value1: Uint8Array) => void",
        "tick: () => void",
        "  words: (part: StreamItems_Line_ | StreamDone | StreamFailed | StreamMissed) => void",
        "pay: (id: string, amount: number, note?: string, ack?: (answer: number | ErrorAck) => void)",
        "photo?: Uint8Array | null",
        "export interface AdminClientToServerEvents {",
        "export type HandshakeAuth = Auth;",
        "page?: number",
    ):
        assert line in text, line


USE = """
import { io, type Socket } from "socket.io-client";
import type {
  AdminClientToServerEvents, AdminServerToClientEvents, ClientToServerEvents, HandshakeAuth,
  ServerToClientEvents,
} from "./events";
import type { paths } from "./routes";

const auth: HandshakeAuth = { token: "x" };
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io({ auth });
socket.emit("a b", 1, { tags: ["x"], photo: new Uint8Array([1]) });
socket.emit("a b", 1, { tags: [] }, (...answer) => {
  const [first, photo] = answer;
  if (typeof first === "string") first.length + (photo as Uint8Array).length;
  else first.error.detail.length;
});
socket.emit("a-b", { text: "x" });
socket.emit("a-b", { text: "x" }, 3, (answer) => { if (Array.isArray(answer)) answer[0]?.length; });
socket.emit("list", ["a", "b"]);
socket.emit("say", "a", "b");
socket.emit("pay", "an id of it", 5);
socket.emit("say", "a", (error) => { error?.error.detail; });
socket.on("say", (line, photo) => line.number + photo.length);
socket.on("tick", () => undefined);
socket.on("words", (part) => {
  if ("items" in part) part.items.map((line) => line.number + part.offset);
  else if ("error" in part) part.error.detail.length;
  else if ("done" in part) part.stream.length;
});
socket.on("session ended", ({ reason }) => reason === "logout");
const admin: Socket<AdminServerToClientEvents, AdminClientToServerEvents> = io("/admin");
admin.emit("a b", (answer) => answer);
type Tags = paths["/data/{key}"]["get"]["responses"]["200"]["content"]["application/json"]["tags"];
const key: paths["/data/{key}"]["get"]["parameters"]["path"] = { key: 5 };
const tags: Tags = [String(key.key)];
tags.length;
// @ts-expect-error: the first is a number
socket.emit("a b", "1", { tags: [] });
// @ts-expect-error: the first is an id
socket.emit("pay", 5);
// @ts-expect-error: no such event
socket.emit("c");
// @ts-expect-error: bytes are not text
socket.emit("a b", 1, { tags: [], photo: "text" });
"""


@pytest.mark.slow
def test_the_types_compile_with_the_client_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_types(new_app(), tmp_path, monkeypatch)
    (tmp_path / "use.ts").write_text(USE)
    assert compile_use(tmp_path) == ""


def write_types(app: FastAPI, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the types of an app."""
    monkeypatch.setitem(__import__("sys").modules, "hard_app", SimpleNamespace(app=app))
    assert main(["hard_app:app", "--to", str(to)]) == 0


def compile_use(tmp_path: Path) -> str:
    """Return what TypeScript has against what use.ts makes of the types beside it."""
    (tmp_path / "node_modules").symlink_to(SPA / "node_modules")
    compiled = subprocess.run(
        [
            *("node", SPA / "node_modules" / "typescript" / "bin" / "tsc", "--noEmit", "--strict"),
            *("--moduleResolution", "bundler", "--module", "esnext"),
            *("--target", "es2022", "use.ts"),
        ],
        cwd=tmp_path,
        env={"PATH": f"{ROOT / '.venv' / 'bin'}:{__import__('os').environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return compiled.stdout


def new_app_of_one_name() -> FastAPI:
    """An app whose models and namespaces have names that are one in TypeScript."""
    app = FastAPI()
    mooring = Mooring(app, Settings(_env_file=None))
    config = ConfigDict(json_schema_serialization_defaults_required=True)
    pair = create_model("Pair", __config__=config, number=(int, 1))
    own = create_model("Pair_Input", text=(str, ...))
    record = create_model("Record", text=(str, ...))
    paths = create_model("paths", text=(str, ...))
    server = create_model("ClientToServerEvents", text=(str, ...))
    dashed, nested = EventRouter("/a-b"), EventRouter("/a/b")

    @app.post("/pairs")
    @dashed.on("pair")
    async def swap(pair: pair, own: own) -> pair:
        return pair

    @app.post("/records")
    @nested.on("record")
    async def copy(record: record, paths: paths, server: server) -> record:
        return record

    for router in (EventRouter(), dashed, nested):
        mooring.include_router(router)
    app.state.mooring = mooring
    return app


USE_OF_ONE_NAME = """
import type {
  ABClientToServerEvents, AB_2ClientToServerEvents, ClientToServerEvents, ErrorAck, Pair_Input,
  Pair_Input_2, Pair_Output, Record_2,
} from "./events";
import type { paths } from "./routes";
import type * as routes from "./routes";

const input: Pair_Input_2 = {};
const own: Pair_Input = { text: "x" };
const dashed: Parameters<ABClientToServerEvents["pair"]> = [input, own];
const nested: Parameters<AB_2ClientToServerEvents["record"]> = [{ text: "x" }, { text: "x" }, { text: "x" }];
const answered = (answer: Pair_Output | ErrorAck) => "number" in answer && answer.number.toFixed();
const body: paths["/pairs"]["post"]["requestBody"]["content"]["application/json"] =
  { pair: {}, own: { text: "x" } };
const record: routes.Record_2 = { text: "x" };
const model: routes.paths_2 = { text: "x" };
[dashed, nested, answered, body, record, model].length;
// @ts-expect-error: there are no events but those of the two namespaces
const none: keyof ClientToServerEvents = "text";
// @ts-expect-error: the model of the app's own
const wrong: Pair_Input = { number: 1 };
"""


@pytest.mark.slow
def test_names_that_are_one_in_typescript_are_told_from_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_types(new_app_of_one_name(), tmp_path, monkeypatch)
    for name in ("events.d.ts", "routes.d.ts"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        declared = re.findall(r"^export (?:interface|type) (\w+)", text, re.MULTILINE)
        assert sorted(declared) == sorted(set(declared)), name
    (tmp_path / "use.ts").write_text(USE_OF_ONE_NAME)
    assert compile_use(tmp_path) == ""


def new_app_of_words() -> FastAPI:
    """An app in which names are words that TypeScript keeps for itself, or uses itself."""
    app = FastAPI()
    mooring = Mooring(app, Settings(_env_file=None))
    delete = create_model("delete", key=(str, ...))
    root, numbered = EventRouter(), EventRouter("/2nd")

    @root.on("rename")
    async def rename(old: str, new: str, default: int = 5) -> delete:
        return delete(key=old)

    @root.on("this")
    async def this(this: str, more: delete, *function: int) -> None: ...

    @root.on("acked")
    async def acked(ack: str) -> int:
        return len(ack)

    root.sends("typed", int, str)

    @numbered.on("count")
    async def count(value: int) -> None: ...

    for router in (root, numbered):
        mooring.include_router(router)
    app.state.mooring = mooring
    return app


USE_OF_WORDS = """
import type { ClientToServerEvents, ErrorAck, _2ndClientToServerEvents, delete_2 } from "./events";

const renamed: Parameters<ClientToServerEvents["rename"]> = ["old", "new", 5, (answer) => answer];
const short: Parameters<ClientToServerEvents["rename"]> = ["old", "new"];
const model: delete_2 = { key: "old" };
const all: Parameters<ClientToServerEvents["this"]> = ["this", model, 1, 2, (error?: ErrorAck) => error];
const acked: Parameters<ClientToServerEvents["acked"]> = ["text", (answer: number | ErrorAck) => answer];
const numbered: Parameters<_2ndClientToServerEvents["count"]> = [1];
[renamed, short, all, acked, numbered].length;
// @ts-expect-error: an argument that is called `this` is one
const none: Parameters<ClientToServerEvents["this"]> = [model];
"""


@pytest.mark.slow
def test_words_of_typescript_may_be_names_of_arguments_models_and_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_types(new_app_of_words(), tmp_path, monkeypatch)
    (tmp_path / "use.ts").write_text(USE_OF_WORDS)
    assert compile_use(tmp_path) == ""


def test_what_cannot_be_read_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for source in ("nowhere.at_all:app", str(tmp_path / "no.json")):
        assert main([source]) == 2
        assert "cannot read what was named" in capsys.readouterr().err
