// Who is signed in, on which devices, and the end of one or of all others.
import { type Answer, type Device, endDevice, endOthers, listDevices, signIn, viewUser } from "./api";
import { announce, element, note, onClick } from "./page";
import { socket } from "./socket";

const SEEN_AFTER = 1000; // by when all nodes know of a new socket
let asked = 0;

const times = (count: number, one: string) => `${count} ${one}${count === 1 ? "" : "s"}`;
const nameOf = (device: Device) => device.label ?? "A client without a name";

function succeeded<T>(answer: Answer<T>): answer is { ok: true; data: T } {
  if (!answer.ok) announce(answer.why);
  return answer.ok;
}

async function showUser(): Promise<void> {
  const answer = await viewUser();
  if (!succeeded(answer)) return;
  const { user } = answer.data;
  element("sign-in").hidden = user !== null;
  element("signed-in").hidden = user === null;
  element("who").textContent = user ?? "";
  if (user !== null) await showDevices();
}

/** Of several answers the one that was asked for last is shown. */
async function showDevices(): Promise<void> {
  const mine = ++asked;
  const answer = await listDevices();
  if (succeeded(answer) && mine === asked) element("devices").replaceChildren(...answer.data.map(item));
}

function item(device: Device): HTMLElement {
  const text = document.createElement("span");
  const which = device.current ? " (this one)" : "";
  text.textContent = `${nameOf(device)}, ${times(device.sockets, "socket")}${which}`;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Sign out";
  button.ariaLabel = `Sign out ${text.textContent}`;
  button.addEventListener("click", () => void end(device));
  const found = document.createElement("li");
  found.append(text, button);
  return found;
}

async function end(device: Device): Promise<void> {
  if (!succeeded(await endDevice(device.key)) || device.current) return; // its socket gets an event
  note(`Signed out: ${nameOf(device)}.`);
  await showDevices();
}

function showUserAgain(): void {
  if (!document.hidden && socket.connected) void showUser();
}

socket.on("connect", () => {
  void showUser();
  setTimeout(showUserAgain, SEEN_AFTER);
});
document.addEventListener("visibilitychange", showUserAgain);

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = (element("name") as HTMLInputElement).value;
  if (succeeded(await signIn(name))) await showUser();
});

onClick("refresh-devices", () => void showDevices());

onClick("end-others", async () => {
  const answer = await endOthers();
  if (!succeeded(answer)) return;
  note(`Signed out ${times(answer.data.ended, "other device")}.`);
  await showDevices();
});
