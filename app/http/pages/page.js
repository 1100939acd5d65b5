"use strict";

const $ = (id) => document.getElementById(id);
const socket = io();

function log(text) {
  const item = document.createElement("li");
  item.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  $("log").prepend(item);
}

function show(state) {
  $("state").textContent = state;
  $("transport").textContent = socket.connected ? socket.io.engine.transport.name : "–";
  $("connect").hidden = socket.active || socket.connected;
}

// A refused request says in its problem document why; the page has nothing to add to that.
async function request(method, path) {
  const response = await fetch(path, { method });
  const isProblem = (response.headers.get("content-type") ?? "").includes("problem");
  if (isProblem) log(`${method} ${path}: ${(await response.json()).detail}`);
  return response;
}

async function look() {
  const response = await request("GET", "/session");
  if (response.ok) $("count").textContent = (await response.json()).count;
}

socket.on("connect", () => {
  show("connected");
  log("connected");
  socket.io.engine.on("upgrade", () => show("connected"));
  look();
});
socket.on("connect_error", (error) => show(`cannot connect: ${error.message}`));
socket.on("current count", (count) => { $("count").textContent = count; });
socket.on("session ended", ({ reason }) => log(`the session has ended: ${reason}`));
socket.on("disconnect", (reason) => {
  show("disconnected");
  log(`disconnected: ${reason}`);
});

$("incr-fetch").addEventListener("click", () => request("POST", "/incr"));
$("incr-emit").addEventListener("click", () =>
  socket.emit("incr", (answer) => {
    if (answer?.error) log(`incr: ${answer.error.detail}`);
  }));
$("rotate").addEventListener("click", () => request("POST", "/session/rotate"));
$("logout").addEventListener("click", () => request("POST", "/logout"));
// The fetch comes first, so that the new session's cookie is there before the socket asks for one.
$("connect").addEventListener("click", async () => {
  await look();
  socket.connect();
});
