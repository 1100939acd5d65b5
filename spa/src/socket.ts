// The socket, with the events that the service describes.
import { io, type Socket } from "socket.io-client";
import { API_URL } from "./api";
import type { ClientToServerEvents, EndReason, ServerToClientEvents } from "./generated/events";

/** Not connected yet: a request comes first, so that one session is opened and not two. */
export const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(new URL(API_URL).origin, {
  path: `${new URL(API_URL).pathname.replace(/\/$/, "")}/socket.io`, // there may be a prefix
  withCredentials: true,
  autoConnect: false,
});

/** What the end of a session means to who looks at it, at once and when all is well again. */
export const ENDINGS: Record<EndReason, { now: string; back: string }> = {
  logout: {
    now: "Logged out, here or in another tab.",
    back: "Connected with a new session.",
  },
  expired: {
    now: "The session's time was up. The next one is being opened.",
    back: "The last session's time was up. This is a new one.",
  },
  rotated: {
    now: "The session has a new id. Connecting again with the new cookie.",
    back: "Connected with the session's new id. All that was in it is there.",
  },
  revoked: {
    now: "The service has ended this session.",
    back: "Connected with a new session.",
  },
  shutdown: {
    now: "This node is shutting down. Moving to another.",
    back: "Moved to another node, with the same session.",
  },
};

/** The same for a connection that broke without a word. */
export const CUT = {
  now: "The connection was cut. Connecting again.",
  back: "Connected again after the connection was cut.",
};

/** The transport in use; `null` while there is none. */
export function transport(): string | null {
  return socket.connected ? socket.io.engine.transport.name : null;
}
