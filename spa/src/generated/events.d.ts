// Made by `python -m fastapi_mooring.typescript`; what is written by hand here is lost.

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

/** Why an event, or a connect, was refused. */
export interface Problem {
  /** Stable name of the problem, for programs: `invalid-payload`, `invalid-request`, `session-ended`, `session-too-large`, `store-unavailable` (try again), `too-many-events` (wait for acks), `rate-limited` (again after `retry_after` seconds), `too-many-requests`, `too-many-streams`, `internal-error`; for an event that is not declared `unknown-event`; for one with an id, or an effect that is to be had once, `idempotency-key-reused`, `outcome-unknown` and `too-many-idempotency-keys`; where a sign-in is asked for, or done, `sign-in-required`, `recent-sign-in-required` and `signed-in-already`; for a token in `auth` `invalid-token`, `two-sessions` and `too-many-sockets`. Beside these come those that the app raises itself: an HTTPException has the phrase of its status, as `forbidden`. */
  type: string;
  /** What happened this time, for people. */
  detail: string;
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

export interface ClientToServerEvents {
  /** Count one more; acknowledged with the new count, which every socket of the session receives. */
  incr: (ack?: (answer: number | ErrorAck) => void) => void;
  /** Count one more for each id: a client that repeats the event gets the first count again. */
  "incr once": (id: string, ack?: (answer: number | ErrorAck) => void) => void;
}

export interface ServerToClientEvents {
  /** The session's count, after each change, whichever protocol and node it came from. Every socket of the session receives it, the sender's too. */
  "current count": (value: number) => void;
  /**
   * The last event before the server closes a socket.
   *
   * After `logout` and `revoked` the client does not reconnect by itself; after all others it does.
   */
  "session ended": (value: SessionEnded) => void;
}
