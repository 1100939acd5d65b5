// What is known: who is there, the channels, their messages.
import { soon } from "./dom";
import type { Message } from "./generated/events";
import type { Channel, Me, Person } from "./generated/routes";

/** A message that is on its way; `problem` says why it is not. */
export interface Pending {
  id: string;
  channel: string;
  text: string;
  file?: File;
  problem?: string;
}

/** What is loaded of a channel. */
export interface Log {
  /** In order, without a gap. */
  messages: Message[];
  /** Whether there are older ones. */
  more: boolean;
  /** The last number that was read when the channel was opened: below it the new ones begin. */
  readAtOpen: number;
  /** Whether there were new ones then. Where there were none, what comes while one looks is not new. */
  hadNews: boolean;
}

export const state = {
  me: { name: null, admin: false } as Me,
  channels: new Map<string, Channel>(),
  people: new Map<string, Person>(),
  members: new Map<string, Set<string>>(),
  logs: new Map<string, Log>(),
  pending: [] as Pending[],
  /** Until when somebody is said to type, by channel and name. */
  typing: new Map<string, Map<string, number>>(),
  current: "general",
  connected: false,
};

const views: (() => void)[] = [];

/** Call a function whenever something has changed. */
export function onChange(view: () => void): void {
  views.push(view);
}

/** Say that something has changed. */
export const changed = soon(() => views.forEach((view) => view()));

export function currentChannel(): Channel | undefined {
  return state.channels.get(state.current);
}

export function unread(channel: Channel): number {
  return channel.joined ? Math.max(0, channel.last - channel.read) : 0;
}

/** The address of a channel. */
export function addressOf(channel: string): string {
  return `?channel=${channel}`;
}

/** The channel that the address names. */
export function addressed(): string {
  return new URLSearchParams(location.search).get("channel") || "general";
}
