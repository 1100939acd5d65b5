// Messages in order, without a gap: they are numbered, so what is missing is known, and asked for.
import { history } from "./api";
import type { Message } from "./generated/events";
import { changed, type Log, state } from "./state";

/** How long a message that came out of turn waits for the one before it, in milliseconds. */
export const PATIENCE = 300;
const PAGE = 50;

const early = new Map<string, Map<number, Message>>();
const asking = new Map<string, Promise<void>>();

export function lastOf(log: Log): number {
  return log.messages.at(-1)?.number ?? 0;
}

/** Take a message that the socket received, or the ack of one's own. */
export function receive(message: Message): void {
  const channel = state.channels.get(message.channel);
  if (channel) {
    channel.last = Math.max(channel.last, message.number);
    if (message.author === state.me.name && message.kind !== "reminder") {
      channel.read = Math.max(channel.read, message.number);
    }
  }
  state.pending = state.pending.filter(
    (each) => message.author !== state.me.name || each.id !== message.draft,
  );
  state.typing.get(message.channel)?.delete(message.author);
  const log = state.logs.get(message.channel);
  if (log && message.number > lastOf(log)) put(log, message);
  changed();
}

function put(log: Log, message: Message): void {
  const waiting = early.get(message.channel) ?? new Map<number, Message>();
  early.set(message.channel, waiting);
  waiting.set(message.number, message);
  settle(log, waiting);
  if (waiting.size) setTimeout(() => void (waiting.size && catchUp(message.channel)), PATIENCE);
}

/** Append what is next; drop what is there already. */
function settle(log: Log, waiting: Map<number, Message>): void {
  for (const number of [...waiting.keys()].sort((one, other) => one - other)) {
    const message = waiting.get(number);
    if (number > lastOf(log) + 1 || !message) break;
    waiting.delete(number);
    if (number === lastOf(log) + 1) log.messages.push(message);
  }
}

/** Load what came after the last message that is known. One request at a time for each channel. */
export function catchUp(channel: string): Promise<void> {
  const under = asking.get(channel);
  if (under) return under;
  const request = ask(channel).finally(() => asking.delete(channel));
  asking.set(channel, request);
  return request;
}

async function ask(channel: string): Promise<void> {
  const log = state.logs.get(channel);
  if (!log) return;
  for (let more = true; more; ) {
    const found = await history(channel, { after: lastOf(log), limit: 200 });
    found.messages.forEach(receive);
    more = found.more;
  }
  settle(log, early.get(channel) ?? new Map());
  changed();
}

/** Note down where the new messages begin for who comes to a channel now. */
export function markNews(channel: string, log: Log): void {
  log.readAtOpen = state.channels.get(channel)?.read ?? 0;
  log.hadNews = lastOf(log) > log.readAtOpen;
}

/** Load the end of a channel. */
export async function open(channel: string): Promise<void> {
  if (state.logs.has(channel)) return catchUp(channel);
  const found = await history(channel, { limit: PAGE });
  const log = { messages: found.messages, more: found.more, readAtOpen: 0, hadNews: false };
  state.logs.set(channel, log);
  markNews(channel, log);
  changed();
  await catchUp(channel); // what came while the request was under way
}

/** Load what is above. */
export async function openOlder(channel: string): Promise<void> {
  const log = state.logs.get(channel);
  const first = log?.messages[0]?.number;
  if (!log || first === undefined || first <= 1) return;
  const found = await history(channel, { before: first, limit: PAGE });
  log.messages = [...found.messages.filter((each) => each.number < first), ...log.messages];
  log.more = found.more;
  changed();
}

/** Forget a channel that one has left. */
export function close(channel: string): void {
  state.logs.delete(channel);
  early.delete(channel);
}
