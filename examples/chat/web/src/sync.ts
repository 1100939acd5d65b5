// Keeping what is known true: the answers of requests, and the events of the socket.
import { listChannels, listPeople, members } from "./api";
import { element, soon, toast } from "./dom";
import { catchUp, close, markNews, open, PATIENCE, receive } from "./history";
import { socket } from "./socket";
import { addressed, addressOf, changed, state } from "./state";

const AGAIN_AFTER = 1000;
const TYPING_FOR = 5000;

/** Load all that may have changed while nobody told us. */
async function refresh(): Promise<void> {
  const [channels, people] = await Promise.all([listChannels(), listPeople()]);
  const before = state.channels;
  state.channels = new Map(channels.map((each) => [each.name, each]));
  for (const each of channels) {
    // What the socket received meanwhile may be newer than the answer.
    const known = before.get(each.name);
    each.last = Math.max(each.last, known?.last ?? 0);
    if (each.joined && known?.joined) each.read = Math.max(each.read, known.read);
    if (!each.joined) close(each.name);
  }
  state.people = new Map(people.map((each) => [each.name, each]));
  if (!state.channels.has(state.current)) state.current = "general";
  changed();
  await Promise.all([...state.logs.keys()].map(catchUp));
  await show();
}

/** Load what the channel on the page needs. */
export async function show(): Promise<void> {
  if (!state.channels.get(state.current)?.joined) return changed();
  await Promise.all([open(state.current), loadMembers(state.current)]);
}

async function loadMembers(channel: string): Promise<void> {
  state.members.set(channel, new Set(await members(channel)));
  changed();
}

/** Ask for what was stored and never sent, as a node was killed in between. */
async function catchUpAll(): Promise<void> {
  await Promise.all([...state.logs.keys()].map(catchUp));
}

async function untilItWorks(load: () => Promise<void>): Promise<void> {
  try {
    await load();
  } catch {
    if (socket.connected) setTimeout(() => void untilItWorks(load), AGAIN_AFTER);
  }
}

const refreshPeople = soon(() => {
  void listPeople().then((people) => {
    state.people = new Map(people.map((each) => [each.name, each]));
    changed();
  });
});

socket.on("connect", () => {
  state.connected = true;
  element("chat").dataset["transport"] = socket.io.engine.transport.name;
  socket.io.engine.once("upgrade", ({ name }) => (element("chat").dataset["transport"] = name));
  element("chat").dataset["recovered"] = String(socket.recovered);
  changed();
  // Who was recovered is sent all that was missed, right behind this; for all others it is in the history.
  if (socket.recovered && state.channels.size) setTimeout(() => void untilItWorks(catchUpAll), PATIENCE);
  else void untilItWorks(refresh);
});

socket.on("disconnect", () => {
  state.connected = false;
  changed();
});

socket.on("message", (message) => receive(message));

socket.on("typing", ({ channel, name }) => {
  const typing = state.typing.get(channel) ?? new Map<string, number>();
  state.typing.set(channel, typing.set(name, Date.now() + TYPING_FOR));
  setTimeout(changed, TYPING_FOR + 50);
  changed();
});

socket.on("presence", ({ name, online }) => {
  const person = state.people.get(name);
  if (person) person.online = online;
  else refreshPeople();
  changed();
});

socket.on("channel", ({ name, topic }) => {
  if (!state.channels.has(name)) {
    state.channels.set(name, { name, topic: topic ?? "", last: 0, joined: false, read: 0 });
  }
  changed();
});

socket.on("read", ({ channel, number }) => {
  const known = state.channels.get(channel);
  if (known) known.read = Math.max(known.read, number);
  changed();
});

socket.on("membership", ({ channel, name, joined, by }) => {
  const members = state.members.get(channel);
  if (joined) members?.add(name);
  else members?.delete(name);
  const known = state.channels.get(channel);
  if (known && name === state.me.name) {
    if (!joined) close(channel);
    if (!joined && by !== name) toast(`${by} has put you out of #${channel}.`);
    if (joined !== known.joined) void untilItWorks(refresh);
    known.joined = joined;
  }
  changed();
});

/** Go to a channel, or to where one was. */
export function go(channel: string): void {
  if (addressed() !== channel) history.pushState(null, "", addressOf(channel));
  const log = state.logs.get(channel);
  if (log && state.current !== channel) markNews(channel, log);
  state.current = channel;
  element("chat").dataset["menu"] = "";
  changed();
  void show().catch((error: Error) => toast(error.message));
}
