// The channel on the page: what was said in it, who types, who is in it.
import * as api from "./api";
import { avatar, element, h, keepList, toast } from "./dom";
import { lastOf, openOlder } from "./history";
import { itemElement, layOut } from "./message";
import { deliver, drop } from "./outbox";
import { sayRead } from "./socket";
import { changed, currentChannel, onChange, state } from "./state";
import { go } from "./sync";

const log = element("log");
/** Whether the end of the messages is in sight, so that it stays so. */
let atEnd = true;
let shownChannel = "";
const reported = new Map<string, number>();

function showMessages(): void {
  const known = state.logs.get(state.current);
  const me = state.me.name ?? "";
  const pending = state.pending.filter((each) => each.channel === state.current);
  const items = known ? layOut(known.messages, pending, me, known.readAtOpen) : [];
  if (shownChannel !== state.current) {
    shownChannel = state.current;
    atEnd = true;
  }
  const look = ({ message, ...rest }: (typeof items)[number]) => [message?.number, rest];
  keepList(element("messages"), items, (each) => each.key, look, (each) => itemElement(each, deliver, drop));
  element("older").hidden = !known?.more;
  if (atEnd) log.scrollTop = log.scrollHeight;
}

/** Note down that the messages were read, if somebody is there to read them. */
function markRead(): void {
  const channel = currentChannel();
  const known = state.logs.get(state.current);
  if (!channel?.joined || !known || !atEnd || document.hidden || !document.hasFocus()) return;
  const last = lastOf(known);
  if (last <= channel.read || last <= (reported.get(channel.name) ?? 0)) return;
  reported.set(channel.name, last);
  channel.read = last;
  if (!known.hadNews) known.readAtOpen = last;
  sayRead(channel.name, last);
  changed();
}

function typingWords(): string {
  const typing = [...(state.typing.get(state.current) ?? [])];
  const names = typing.filter(([, until]) => until > Date.now()).map(([name]) => name);
  if (!names.length) return "";
  if (names.length > 3) return "Several people are typing …";
  return `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing …`;
}

function memberItem(name: string): HTMLElement {
  const person = state.people.get(name);
  const others = state.me.admin && name !== state.me.name;
  const act = (words: string, run: () => Promise<unknown>) =>
    h(
      "button",
      {
        type: "button",
        "data-focus": words,
        "aria-label": `${words} ${name}`,
        click: () => void run().catch((error: Error) => toast(error.message)),
      },
      words,
    );
  return h(
    "li",
    { class: `person ${person?.online ? "online" : "away"}` },
    avatar(name),
    h("span", { class: "name" }, name, person?.admin ? h("small", {}, " admin") : null),
    h("span", { class: "unseen" }, person?.online ? ", online" : ", away"),
    others ? act("Kick", () => api.kick(state.current, name)) : null,
    others ? act(person?.banned ? "Pardon" : "Ban", () => ban(name, person?.banned ?? false)) : null,
  );
}

async function ban(name: string, banned: boolean): Promise<void> {
  await (banned ? api.pardon(name) : api.ban(name));
  toast(banned ? `${name} may come back.` : `${name} is signed out everywhere, and may not come back.`);
  const person = state.people.get(name);
  if (person) person.banned = !banned;
  changed();
}

onChange(() => {
  const channel = currentChannel();
  const joined = channel?.joined ?? false;
  element("title").textContent = `# ${state.current}`;
  element("topic").textContent = channel?.topic ?? "";
  element("leave").hidden = !joined;
  element("to-join").hidden = joined || !channel;
  element("log").hidden = !joined;
  element("composer").hidden = element("hint").hidden = element("typing").hidden = !joined;
  element("members").hidden = !joined;
  element("chat").dataset["joined"] = String(joined);
  element("show-members").hidden = !joined;
  element("text").setAttribute("aria-label", `Message to #${state.current}`);
  element("text").setAttribute("placeholder", `Message to #${state.current}`);
  element("banner").hidden = state.connected;
  if (!state.connected) {
    element("banner").textContent = "Connecting again. What you write is sent as soon as you are back.";
  }
  if (element("typing").textContent !== typingWords()) element("typing").textContent = typingWords();
  const names = [...(state.members.get(state.current) ?? [])].sort();
  const look = (name: string) => [state.people.get(name), state.me, state.current];
  keepList(element("member-list"), joined ? names : [], (name) => name, look, memberItem);
  showMessages();
  markRead();
});

log.addEventListener("scroll", () => {
  atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  markRead();
});
// A picture that is loaded late moves the end out of sight.
log.addEventListener("load", () => atEnd && (log.scrollTop = log.scrollHeight), true);
new ResizeObserver(() => atEnd && (log.scrollTop = log.scrollHeight)).observe(log);
addEventListener("focus", markRead);
document.addEventListener("visibilitychange", markRead);

element("older").addEventListener("click", async () => {
  const height = log.scrollHeight;
  atEnd = false;
  await openOlder(state.current).catch((error: Error) => toast(error.message));
  await Promise.resolve();
  log.scrollTop += log.scrollHeight - height;
});

element("leave").addEventListener("click", () => {
  void api.leave(state.current).then(() => go(state.current), (error: Error) => toast(error.message));
});

element("join").addEventListener("click", () => {
  void api.join(state.current).then(
    (channel) => {
      state.channels.set(channel.name, channel);
      go(channel.name);
      element("text").focus();
    },
    (error: Error) => toast(error.message),
  );
});
