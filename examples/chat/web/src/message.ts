// One message, as it is seen.
import { avatar, h, icon } from "./dom";
import type { Message } from "./generated/events";
import type { Pending } from "./state";

/** How long one's messages stand together, in seconds. */
const TOGETHER = 300;
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)]/g;

export interface Item {
  key: string;
  message?: Message;
  pending?: Pending;
  author: string;
  /** The day, above its first message. */
  day?: string;
  /** Whether the new ones begin here. */
  news: boolean;
  /** Whether the author is named above it already. */
  follows: boolean;
}

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** Lay out messages, and what is on its way. */
export function layOut(messages: readonly Message[], pending: readonly Pending[], me: string, readAtOpen: number): Item[] {
  const items: Item[] = [];
  let before: Message | undefined;
  let told = false;
  for (const message of messages) {
    const today = day.format(message.sent_at * 1000);
    const sameDay = before && day.format(before.sent_at * 1000) === today;
    const news: boolean = !told && message.number > readAtOpen && message.author !== me;
    told ||= news;
    items.push({
      key: message.kind === "reminder" ? message.draft : `${message.author} ${message.draft}`,
      message,
      author: message.author,
      ...(sameDay ? {} : { day: today }),
      news,
      follows: Boolean(
        sameDay &&
          !news &&
          before?.author === message.author &&
          (message.kind === "reminder") === (before.kind === "reminder") &&
          message.sent_at - before.sent_at < TOGETHER,
      ),
    });
    before = message;
  }
  for (const each of pending) {
    const follows: boolean = items.at(-1)?.author === me;
    items.push({ key: `${me} ${each.id}`, pending: each, author: me, news: false, follows });
  }
  return items;
}

export function itemElement(item: Item, again: (pending: Pending) => void, drop: (pending: Pending) => void): HTMLElement {
  const { message, pending } = item;
  const classes = ["message", item.follows && "follows", pending && "pending", pending?.problem && "failed"];
  return h(
    "li",
    { class: classes.filter(Boolean).join(" ") },
    item.day ? h("p", { class: "day" }, item.day) : null,
    item.news ? h("p", { class: "new" }, "New") : null,
    h(
      "div",
      { class: "body" },
      item.follows ? h("span", { class: "aside" }) : avatar(item.author),
      h(
        "div",
        { class: "content" },
        h(
          "p",
          { class: item.follows ? "unseen" : "byline" },
          h("strong", {}, item.author),
          message?.kind === "reminder" ? h("span", { class: "kind" }, icon("bell"), "reminder") : null,
          message ? stamp(message) : null,
        ),
        message?.file ? attachment(message.file) : h("p", { class: "text" }, ...linked(message?.text ?? pending?.text ?? "")),
        pending ? fate(pending, again, drop) : null,
      ),
    ),
  );
}

function stamp(message: Message): HTMLElement {
  const at = new Date(message.sent_at * 1000);
  return h("time", { datetime: at.toISOString(), title: at.toLocaleString() }, time.format(at));
}

function attachment(file: NonNullable<Message["file"]>): HTMLElement {
  const url = `/files/${encodeURIComponent(file.id)}`;
  if (file.image) {
    const image = h("img", { src: url, alt: file.name, loading: "lazy", class: "picture" });
    return h("a", { href: url, target: "_blank", rel: "noopener" }, image);
  }
  return h(
    "a",
    { class: "file", href: url, download: file.name },
    icon("file"),
    h("span", {}, h("strong", {}, file.name), h("small", {}, size(file.size))),
  );
}

function fate(pending: Pending, again: (it: Pending) => void, drop: (it: Pending) => void): HTMLElement {
  if (!pending.problem) return h("p", { class: "fate" }, pending.file ? "Sending the file …" : "Sending …");
  return h(
    "p",
    { class: "fate", role: "alert" },
    `Not sent: ${pending.problem} `,
    h("button", { type: "button", click: () => again(pending) }, "Try again"),
    " ",
    h("button", { type: "button", click: () => drop(pending) }, "Discard"),
  );
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The text, with its addresses as links. It is never read as HTML. */
function linked(text: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    parts.push(text.slice(end, found.index));
    parts.push(h("a", { href: found[0], target: "_blank", rel: "noopener noreferrer" }, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}
