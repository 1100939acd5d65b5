// Made by `npm run generate`; what is written by hand here is lost.

/**
 * Stable name of the problem, for programs: `invalid-payload`, `session-ended`, `session-too-large`, `store-unavailable` (try again), `too-many-events` (wait for acks), `internal-error`; for an event that is not declared `unknown-event`.
 */
export type Type = string;
/**
 * What happened this time, for people.
 */
export type Detail = string;
/**
 * Why a session, or a socket's mooring to it, has ended.
 *
 * A tombstone carries LOGOUT, ROTATED or REVOKED. EXPIRED is what a missing record means,
 * and SHUTDOWN is a node's own reason to let its sockets go: neither is ever stored.
 */
export type EndReason = "logout" | "expired" | "rotated" | "revoked" | "shutdown";

export interface Payloads {
  incr: null;
  "incr-ack": number | ErrorAck;
  /**
   * The session's count.
   */
  "current-count": number;
  "session-ended": SessionEnded;
}
/**
 * The ack of an event that was refused; it changed nothing.
 */
export interface ErrorAck {
  error: Problem;
}
/**
 * Why an event was refused.
 */
export interface Problem {
  type: Type;
  detail: Detail;
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
  "incr": (...args: [ack: (answer: Payloads["incr-ack"]) => void]) => void;
}

export interface ServerToClientEvents {
  "current count": (...args: [payload: Payloads["current-count"]]) => void;
  "session ended": (...args: [payload: Payloads["session-ended"]]) => void;
}
