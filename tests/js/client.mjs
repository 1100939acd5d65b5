// One Socket.IO client, all of whose life is reported.

import { io } from "socket.io-client";
import { transportsWithJar } from "./transports.mjs";

// Short and without jitter, so that a test waits no longer than it must.
const DEFAULTS = {
  forceNew: true,
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
  randomizationFactor: 0,
  timeout: 5000,
};

export class Client {
  constructor(url, { transports, headers, options: { resumes, urls, ...options }, jar, report }) {
    /** What is open of this client's requests and connections: functions that abort them. */
    this.open = new Set();
    this.urls = urls;
    this.connects = 0;
    const onHandshake = (cookie) => this.#reportAttempt(cookie);
    const onResponse = (response) => this.#reportResponse(response);
    this.report = (kind, name, args) => report({ kind, name, args, state: this.#state() });
    /** Where the client is in each stream; said at each connect with the option `resumes`. */
    this.offsets = {};
    const auth = (answer) => answer({ streams: this.offsets });
    this.socket = io(url, {
      ...DEFAULTS,
      ...(resumes ? { auth } : {}),
      ...options,
      autoConnect: false,
      extraHeaders: headers,
      transports: transportsWithJar(transports, jar, { onHandshake, onResponse }, this.open),
    });
    this.#reportSocket();
    this.#reportManager();
    this.socket.connect();
  }

  /** Resolves with the ack's arguments; rejects if none arrives in time or the socket goes. */
  emit(event, args, timeout) {
    args = args.map(revive);
    return new Promise((resolve, reject) => {
      this.socket.timeout(timeout).emit(event, ...args, (error, ...ack) => {
        error ? reject(error) : resolve(ack);
      });
    });
  }

  /** Resolves with the ack's arguments, and by which of this client's connections it came. */
  async ask(event, args, timeout) {
    const ack = await this.emit(event, args, timeout);
    return [this.connects, ack];
  }

  /** Emits all in one turn; resolves with [index, ack arguments] in the order of arrival. */
  async burst(emits, timeout) {
    const arrived = [];
    const one = async ([event, ...args], index) => {
      arrived.push([index, await this.emit(event, args, timeout)]);
    };
    await Promise.all(emits.map(one));
    return arrived;
  }

  send(event, args) {
    this.socket.emit(event, ...args.map(revive));
  }

  /** Closes the transport without a disconnect packet, as a network failure does; it will reconnect. */
  cut() {
    this.socket.io.engine.transport.close();
  }

  /** Reads nothing more from a WebSocket, as a page that hangs. */
  pause() {
    this.socket.io.engine.transport.ws._socket.pause();
  }

  resume() {
    this.socket.io.engine.transport.ws._socket.resume();
  }

  connect() {
    this.#goOn();
    this.socket.connect();
  }

  close() {
    this.socket.disconnect();
  }

  #reportSocket() {
    this.socket.on("connect", () => {
      this.connects += 1;
      this.report("life", "connect", [this.socket.id, this.socket.recovered ?? false]);
    });
    this.socket.on("disconnect", (reason, details) =>
      this.report("life", "disconnect", [reason, describe(details)]),
    );
    this.socket.on("connect_error", (error) =>
      this.report("life", "connect_error", [error.message, describe(error), error.data ?? null]),
    );
    this.socket.onAny((name, ...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : null;
      this.report("server", name, args);
      const { stream, offset, items } = args[0] ?? {};
      if (stream && items) this.offsets[stream] = offset + items.length;
      // What a server calls is answered with what it sent; "silence" is not.
      if (ack && name !== "silence") ack(...args);
    });
  }

  #reportManager() {
    const manager = this.socket.io;
    manager.on("reconnect_attempt", () => this.#goOn());
    for (const name of ["reconnect_attempt", "reconnect", "reconnect_failed"]) {
      manager.on(name, (...args) => this.report("life", name, args));
    }
    manager.on("open", () => {
      this.report("life", "open", [manager.engine.transport.name]);
      manager.engine.on("upgrade", (transport) => this.report("life", "upgrade", [transport.name]));
    });
  }

  /** With the option `urls` each connection goes to the next of them, as behind a balancer. */
  #goOn() {
    if (!this.urls) return;
    this.urls.push(this.urls.shift());
    this.socket.io.uri = this.urls[0];
  }

  #reportAttempt(cookie) {
    if (this.urls) this.report("life", "attempt", [this.socket.io.uri, cookie]);
  }

  #reportResponse(response) {
    const { handshake, set_cookie, status } = response;
    const plain = status < 300 && !handshake && !set_cookie.length;
    if (!plain) this.report("life", handshake ? "handshake" : "response", [response]);
  }

  #state() {
    const socket = this.socket;
    return {
      connected: socket?.connected ?? false,
      active: socket?.active ?? true,
      id: socket?.id ?? null,
      transport: socket?.io.engine?.transport?.name ?? null,
    };
  }
}

// What stands for bytes in JSON is as Node writes a Buffer.
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if (value.type === "Buffer") return Buffer.from(value.data);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revive(each)]));
}

// A close code, an HTTP status or a text: whatever the transport gives for a reason.
function describe(details) {
  const { context, description } = details ?? {};
  return context?.code ?? description?.message ?? description ?? null;
}
