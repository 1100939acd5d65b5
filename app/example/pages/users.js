"use strict";

// Who is signed in, on which devices, and the end of one or of all others: GET and DELETE of `devices`.

const SEEN_AFTER = 1000; // by when all nodes know of a new socket
let asked = 0;

const times = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

async function showUser() {
  const response = await request("GET", "user");
  if (!response.ok) return;
  const { user } = await response.json();
  $("sign-in").hidden = user !== null;
  $("signed-in").hidden = user === null;
  $("who").textContent = user ?? "";
  if (user !== null) await showDevices();
}

// Of several answers the one that was asked for last is shown.
async function showDevices() {
  const mine = ++asked;
  const response = await request("GET", "devices");
  const devices = response.ok ? await response.json() : [];
  if (response.ok && mine === asked) $("devices").replaceChildren(...devices.map(item));
}

function item(device) {
  const name = device.label ?? "A client without a name";
  const text = document.createElement("span");
  text.textContent = `${name}, ${times(device.sockets, "socket")}${device.current ? " (this one)" : ""}`;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Sign out";
  button.ariaLabel = `Sign out ${text.textContent}`;
  button.addEventListener("click", () => end(device));
  const found = document.createElement("li");
  found.append(text, button);
  return found;
}

async function end(device) {
  const response = await request("DELETE", `devices/${device.key}`);
  if (response.ok && !device.current) {
    log(`signed out ${device.label ?? "a client"}`);
    await showDevices();
  }
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await request("POST", "sign-in", { name: $("name").value });
  if (response.ok) await showUser();
});
$("refresh-devices").addEventListener("click", showDevices);
$("end-others").addEventListener("click", async () => {
  const response = await request("DELETE", "devices");
  if (!response.ok) return;
  log(`signed out ${times((await response.json()).ended, "other device")}`);
  await showDevices();
});

function showUserAgain() {
  if (!document.hidden && socket.connected) showUser();
}

socket.on("connect", () => {
  showUser();
  setTimeout(showUserAgain, SEEN_AFTER);
});
document.addEventListener("visibilitychange", showUserAgain);
