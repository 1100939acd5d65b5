// The socket, with the events that the app's AsyncAPI document describes.
import { io, type Socket } from "socket.io-client";
import type { ClientToServerEvents, Draft, Message, ServerToClientEvents } from "./generated/events";

const ACK_TIMEOUT = 5000;

/**
 * With `retries` the client sends an event again until it is acknowledged, also what was written while it
 * was offline; `say` takes effect once all the same. It connects after the sign-in.
 */
export const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io({
  autoConnect: false,
  retries: 1000,
  ackTimeout: ACK_TIMEOUT,
});

/** The same events with acks that are asked for: where one may be left out, `emitWithAck` has no type for it. */
type Asked<Events> = {
  [Name in keyof Events]: Events[Name] extends (...args: infer Args) => void ? (...args: Required<Args>) => void : never;
};
const asking = socket as unknown as Socket<ServerToClientEvents, Asked<ClientToServerEvents>>;

/** Say something; resolves with the message as it is stored, rejects with why it is not. */
export async function say(draft: Draft): Promise<Message> {
  const answer = await asking.emitWithAck("say", draft.id, draft);
  if ("error" in answer) throw new Error(answer.error.detail);
  return answer;
}

/** Say that one types. It is not repeated. */
export function sayTyping(channel: string): void {
  socket.volatile.emit("typing", channel);
}

/** Note down how far one has read. */
export function sayRead(channel: string, number: number): void {
  socket.emit("read", { channel, number });
}
