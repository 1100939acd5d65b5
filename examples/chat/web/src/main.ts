// Who is there: the sign-in, the socket's life, and what is seen of both.
import * as api from "./api";
import { element, type Icon, icon, toast } from "./dom";
import { socket } from "./socket";
import { addressed, changed, onChange, state } from "./state";
import { go } from "./sync";
import "./sidebar";
import "./room";
import "./dialogs";

const AGAIN_AFTER = 2000;
const NOTICE = "notice";

const BUTTONS: Record<string, Icon> = {
  "close-sidebar": "close",
  "close-members": "close",
  "new-channel": "plus",
  "show-devices": "device",
  "sign-out": "door",
  "open-sidebar": "menu",
  "show-members": "people",
  attach: "clip",
  send: "send",
};

const chat = element("chat");
const nameInput = element<HTMLInputElement>("name");

/** Show the sign-in. */
function welcome(words: string): void {
  document.title = "Team chat";
  element("welcome-notice").textContent = words;
  element("welcome").hidden = false;
  chat.hidden = true;
  if (!words) nameInput.focus();
}

/** Go back to the sign-in. The page begins anew, so that nothing of one's own is left to whoever comes next. */
function leave(words: string): void {
  sessionStorage.setItem(NOTICE, words);
  location.reload();
}

function enter(me: typeof state.me): void {
  state.me = me;
  state.current = addressed();
  element("welcome").hidden = true;
  chat.hidden = false;
  changed();
  socket.connect();
}

async function start(): Promise<void> {
  try {
    const me = await api.me();
    if (me.name === null) welcome(sessionStorage.getItem(NOTICE) ?? "");
    else enter(me);
    sessionStorage.removeItem(NOTICE);
  } catch {
    welcome("The server cannot be reached. Trying again …");
    setTimeout(() => void start(), AGAIN_AFTER);
  }
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  api.signIn(nameInput.value).then(enter, (error: Error) => {
    element("welcome-notice").textContent = error.message;
  });
});

element("sign-out").addEventListener("click", () => {
  api.signOut().then(
    () => leave("You are signed out."),
    (error: Error) => toast(error.message),
  );
});

socket.on("session ended", ({ reason }) => {
  if (reason === "logout") leave("You are signed out.");
  if (reason === "revoked") leave("You were signed out, by an admin or from another device.");
});

socket.on("connect_error", (error: Error & { data?: { type?: string } }) => {
  if (error.data?.type === "sign-in-required") leave("Your session is over. Please sign in again.");
  // Anything else that the server says is not for ever.
  else if (!socket.active) setTimeout(() => socket.connect(), AGAIN_AFTER);
});

/** Open or close what lies over the page where there is little room. */
function toggle(what: "menu" | "members"): void {
  chat.dataset["menu"] = chat.dataset["menu"] === what ? "" : what;
  if (what === "members") chat.dataset["members"] = chat.dataset["members"] === "off" ? "" : "off";
  changed();
}

onChange(() => {
  const wide = matchMedia("(min-width: 70rem)").matches;
  const members = wide ? chat.dataset["members"] !== "off" : chat.dataset["menu"] === "members";
  element("open-sidebar").ariaExpanded = String(chat.dataset["menu"] === "menu");
  element("show-members").ariaExpanded = String(members);
});

element("open-sidebar").addEventListener("click", () => {
  toggle("menu");
  element("close-sidebar").focus();
});
element("close-sidebar").addEventListener("click", () => {
  toggle("menu");
  element("open-sidebar").focus();
});
element("show-members").addEventListener("click", () => toggle("members"));
element("close-members").addEventListener("click", () => {
  toggle("members");
  element("show-members").focus();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chat.dataset["menu"]) toggle(chat.dataset["menu"] as "menu" | "members");
});
addEventListener("popstate", () => {
  if (state.me.name !== null && addressed() !== state.current) go(addressed());
});

for (const [id, name] of Object.entries(BUTTONS)) element(id).prepend(icon(name));

void start();
