"use strict";

const $ = (id) => document.getElementById(id);
// Everything is where the page is, whatever prefix a proxy has for it; the socket is beside its client.
const { pathname } = new URL(".", $("client").src);
const socket = io({ path: pathname });
let received = 0;

function log(text) {
  const item = document.createElement("li");
  item.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  $("log").prepend(item);
}

function show(state) {
  $("state").textContent = state;
  $("transport").textContent = socket.connected ? `by ${socket.io.engine.transport.name}` : "";
  offer(!socket.active && !socket.connected);
}

// Who was on a button that goes is taken to the one that comes in its place.
function offer(again) {
  const [going, coming] = again ? [[$("actions"), $("user")], $("connect")] : [[$("connect")], $("incr-fetch")];
  const wasThere = going.some((each) => each.contains(document.activeElement));
  $("actions").hidden = $("user").hidden = again;
  $("connect").hidden = !again;
  if (wasThere) coming.focus();
}

// A refused request says in its problem document why; the page has nothing to add to that.
async function request(method, path, body) {
  const json = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, ...json });
  const isProblem = (response.headers.get("content-type") ?? "").includes("problem");
  if (isProblem) log(`${method} ${path}: ${(await response.json()).detail}`);
  return response;
}

// What the socket received meanwhile may be newer than the answer.
async function refresh() {
  const before = received;
  const response = await request("GET", "session");
  if (response.ok && received === before) $("count").textContent = (await response.json()).count;
}

socket.on("connect", () => {
  show("connected");
  log("connected");
  socket.io.engine.on("upgrade", () => show("connected"));
  refresh();
});
socket.on("connect_error", (error) => show(`cannot connect: ${error.message}`));
socket.on("current count", (count) => {
  received += 1;
  $("count").textContent = count;
});
socket.on("session ended", ({ reason }) => log(`the session has ended: ${reason}`));
socket.on("disconnect", (reason) => {
  show(socket.active ? "connecting again" : "disconnected");
  log(`disconnected: ${reason}`);
});

$("incr-fetch").addEventListener("click", () => request("POST", "incr"));
$("incr-emit").addEventListener("click", () =>
  socket.emit("incr", (answer) => {
    if (answer?.error) log(`incr: ${answer.error.detail}`);
  }));
$("rotate").addEventListener("click", () => request("POST", "session/rotate"));
$("logout").addEventListener("click", () => request("POST", "logout"));
// The fetch comes first, so that the new session's cookie is there before the socket asks for one.
$("connect").addEventListener("click", async () => {
  await refresh();
  socket.connect();
});
