// Made by `python -m fastapi_mooring.typescript`; what is written by hand here is lost.

/** A file of a message; its content is at /files/{id}. */
export interface Attachment {
  id: string;
  name: string;
  type: string;
  size: number;
  image: boolean;
}

/** A message as its author sends it. */
export interface Draft {
  id: string;
  channel: string;
  text: string;
}

/**
 * Why a session has ended, or a socket was disconnected from it.
 *
 * - LOGOUT, `logout`: the visitor has left, by a logout, or the app has destroyed the session.
 * - EXPIRED, `expired`: its time is over, or the store has lost it.
 * - ROTATED, `rotated`: it goes on under another id, after a sign-in say.
 * - REVOKED, `revoked`: it was ended from elsewhere, as one of a user's.
 * - SHUTDOWN, `shutdown`: the server stops; the session goes on.
 */
export type EndReason = "logout" | "expired" | "rotated" | "revoked" | "shutdown";

/** The ack of an event that was refused; it changed nothing. */
export interface ErrorAck {
  error: Problem;
}

/** Somebody is in a channel now, or is no longer. */
export interface Membership {
  channel: string;
  name: string;
  joined: boolean;
  by: string;
}

/** A message of a channel. */
export interface Message {
  channel: string;
  number: number;
  kind: "text" | "file" | "notice" | "reminder";
  author: string;
  text: string;
  sent_at: number;
  draft: string;
  file?: Attachment | null;
}

/** A channel that is to be. */
export interface NewChannel {
  name: string;
  topic?: string;
}

/** Somebody has come, or gone. */
export interface Presence {
  name: string;
  online: boolean;
}

/** Why an event, or a connect, was refused. */
export interface Problem {
  /** Stable name of the problem, for programs: `invalid-payload`, `invalid-request`, `session-ended`, `session-too-large`, `store-unavailable` (try again), `too-many-events` (wait for acks), `rate-limited` (again after `retry_after` seconds), `too-many-requests`, `too-many-streams`, `internal-error`; for an event that is not declared `unknown-event`; for one with an id, or an effect that is to be had once, `idempotency-key-reused`, `outcome-unknown` and `too-many-idempotency-keys`; where a sign-in is asked for, or done, `sign-in-required`, `recent-sign-in-required` and `signed-in-already`; for a token in `auth` `invalid-token`, `two-sessions` and `too-many-sockets`. Beside these come those that the app raises itself: an HTTPException has the phrase of its status, as `forbidden`. */
  type: string;
  /** What happened this time, for people. */
  detail: string;
}

/** How far somebody has read, on whichever device. */
export interface ReadMark {
  channel: string;
  number: number;
}

/** What `connect_error` has for a connect that was refused. */
export interface Refused {
  /** What happened this time, for people. */
  message: string;
  /** The same as in the ack of an event that was refused. */
  data: Problem;
}

/**
 * The last event before the server closes a socket.
 *
 * After `logout` and `revoked` the client does not reconnect by itself; after all others it does.
 */
export interface SessionEnded {
  reason: EndReason;
}

/** Somebody types. */
export interface Typing {
  channel: string;
  name: string;
}

export interface ClientToServerEvents {
  /** Say that one types; what is lost of it is no loss. */
  typing: (channel: string, ack?: (error?: ErrorAck) => void) => void;
  /** Note down how far one has read, and tell one's other devices. */
  read: (mark: ReadMark, ack?: (error?: ErrorAck) => void) => void;
  /**
   * Say something in a channel; acknowledged with the message as it is stored.
   *
   * A repeat is acknowledged as the first one was. Where the node was killed between the history and the
   * ack, that is not known: then the draft's own id tells that it is stored, and it is sent once more to
   * clients that know it by its number.
   */
  say: (id: string, draft: Draft, ack?: (answer: Message | ErrorAck) => void) => void;
}

export interface ServerToClientEvents {
  /** There is a new channel. */
  channel: (value: NewChannel, offset?: string) => void;
  /** Somebody came into a channel, or left it. */
  membership: (value: Membership, offset?: string) => void;
  /** One has read on, perhaps on another device. */
  read: (value: ReadMark, offset?: string) => void;
  /** Somebody types in a channel. */
  typing: (value: Typing, offset?: string) => void;
  /** A message of a channel that one is in. */
  message: (value: Message, offset?: string) => void;
  /** Somebody has come, or gone. */
  presence: (value: Presence, offset?: string) => void;
  /**
   * The last event before the server closes a socket.
   *
   * After `logout` and `revoked` the client does not reconnect by itself; after all others it does.
   */
  "session ended": (value: SessionEnded) => void;
}
