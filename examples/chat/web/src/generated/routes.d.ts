// Made by `python -m fastapi_mooring.typescript`; what is written by hand here is lost.

/** A file of a message; its content is at /files/{id}. */
export interface Attachment {
  id: string;
  name: string;
  type: string;
  size: number;
  image: boolean;
}

/** A channel, as one person sees it. */
export interface Channel {
  name: string;
  topic: string;
  last: number;
  joined: boolean;
  read: number;
}

/** A session of the user, as the list of devices shows it. */
export interface DeviceView {
  /** Names the session; it is no secret. */
  key: string;
  /** What it calls the client. */
  label: string | null;
  /** When the session was opened. */
  created_at: string;
  /** When the user signed in. */
  signed_in_at: string;
  /** When it was used last. */
  last_seen_at: string;
  /** The client's address. */
  address: string | null;
  /** Its connected sockets, on all nodes. */
  sockets: number;
  /** Whether it is the session of this request. */
  current?: boolean;
}

/** How many sessions were ended. */
export interface Ended {
  ended: number;
}

export interface HTTPValidationError {
  detail?: ValidationError[];
}

/** Messages in their order, and whether there are more in the direction that was asked for. */
export interface History {
  messages: Message[];
  more: boolean;
}

/** Who is looking; nobody is without a sign-in. */
export interface Me {
  name: string | null;
  admin?: boolean;
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

/** What is to be said later. */
export interface NewReminder {
  text: string;
  seconds: number;
}

/** Somebody who has signed in once, at least. */
export interface Person {
  name: string;
  admin: boolean;
  banned: boolean;
  online: boolean;
}

/** Who somebody says to be. */
export interface SignIn {
  name: string;
}

/** One word. */
export interface Status {
  /** `alive` or `ready`. */
  status: string;
}

export interface ValidationError {
  loc: (string | number)[];
  msg: string;
  type: string;
  input?: unknown;
  ctx?: Record<string, unknown>;
}

/** An error (RFC 9457). Some types have members of their own: `session-ended` has its `reason`. */
export interface ProblemDocument {
  /** Stable name of the problem, for programs. */
  type: string;
  /** The same for every problem of this type. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What happened this time, for people. */
  detail: string;
  [name: string]: unknown;
}

export interface paths {
  "/sign-in": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    /** Sign in by a name. There is no password: whoever says a name is believed. */
    post: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody: { content: { "application/json": SignIn } }; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Me } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/me": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** Who is signed in. Looking opens no session. */
    get: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Me } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/people": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** Everybody, and who is there. */
    get: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Person[] } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/people/{name}/ban": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    /** End somebody's sessions on all devices, and refuse the next sign-in. */
    put: { parameters: { query?: never; header?: never; path: { name: string }; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    post?: never;
    /** Let somebody come back. */
    delete: { parameters: { query?: never; header?: never; path: { name: string }; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** All channels, with how far one has read. */
    get: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Channel[] } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    /** Make a channel, and be its first member. */
    post: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody: { content: { "application/json": NewChannel } }; responses: { 201: { headers: Record<string, unknown>; content: { "application/json": Channel } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels/{channel}/members": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** The names of a channel's members. */
    get: { parameters: { query?: never; header?: never; path: { channel: string }; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": string[] } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels/{channel}/members/me": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    /** Come into a channel, with all devices. */
    put: { parameters: { query?: never; header?: never; path: { channel: string }; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Channel } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    post?: never;
    /** Leave a channel, with all devices. */
    delete: { parameters: { query?: never; header?: never; path: { channel: string }; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels/{channel}/members/{name}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post?: never;
    /** Put somebody out of a channel, who may come back. */
    delete: { parameters: { query?: never; header?: never; path: { channel: string; name: string }; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels/{channel}/messages": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** The messages after a number, those before one, or the last ones. */
    get: { parameters: { query?: { after?: number | null; before?: number | null; limit?: number }; header?: never; path: { channel: string }; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": History } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels/{channel}/files": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    /**
     * Send a file, which is the body of the request, to a channel.
     *
     * A repeat with the same key is answered as the first one was; with another file it is refused.
     */
    post: { parameters: { query: { name: string }; header: { "Idempotency-Key": string }; path: { channel: string }; cookie?: never }; requestBody: { content: { "application/octet-stream": Uint8Array } }; responses: { 201: { headers: Record<string, unknown>; content: { "application/json": Message } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 400: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/files/{file}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** A file, for members of the channel that it was sent to. */
    get: { parameters: { query?: never; header?: never; path: { file: string }; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content?: never }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/channels/{channel}/reminders": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    /** Have something said in a channel later. */
    post: { parameters: { query?: never; header?: never; path: { channel: string }; cookie?: never }; requestBody: { content: { "application/json": NewReminder } }; responses: { 204: { headers: Record<string, unknown>; content?: never }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/logout": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    /**
     * End the session, disconnect all its sockets on every node, and clear the cookie.
     *
     * Without a session, or with one that has ended already, the answer is the same.
     */
    post: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/session/rotate": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    /**
     * Move the data to a new id and end the old one at once; its sockets reconnect with the new cookie.
     *
     * To be done whenever a visitor's rights change, at a login above all: an id that somebody else
     * knew before is worth nothing after it (OWASP: session fixation).
     */
    post: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/devices": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** Return the live sessions of the user who is signed in, on all nodes. */
    get: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": DeviceView[] } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 409: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 429: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    /** End all sessions of the user but the one of this request, on all nodes. */
    delete: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Ended } }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/devices/{key}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post?: never;
    /** End one session of the user, on all nodes; that of this request, too. */
    delete: { parameters: { query?: never; header?: never; path: { key: string }; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never }; 403: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 413: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 404: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } }; 422: { headers: Record<string, unknown>; content: { "application/json": HTTPValidationError } }; 401: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/healthz": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** Answer as long as the process does; an outage of the store does not count. Opens no session. */
    get: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Status } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/readyz": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    /** Answer 200 if the store can be reached and the process is not shutting down. Opens no session. */
    get: { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 200: { headers: Record<string, unknown>; content: { "application/json": Status } }; 503: { headers: Record<string, unknown>; content: { "application/problem+json": ProblemDocument } } } };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
