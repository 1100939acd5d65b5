// A Socket.IO client with nothing to it: Engine.IO packets over `ws`. It costs a fraction of what any
// server spends on the same packets, so that it is never what is measured.

import WebSocket from "ws";

const NO_DEFLATE = { perMessageDeflate: false, skipUTF8Validation: true };
const HANDSHAKE_MS = 30_000;

export class RawSocket {
  told = 0; // when the server said that this socket is disconnected, ms
  closed = 0; // when the connection was closed, ms
  onGone = () => {};
  onClose = () => {};
  onEvent = () => {};
  #ws;
  #ack = () => {};
  #ids = 0;

  /** Resolves when the socket is in the namespace; rejects if it does not get there. */
  open(url, cookie, localAddress) {
    this.url = url;
    const address = `${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
    const headers = { Cookie: cookie };
    const options = { ...NO_DEFLATE, headers, localAddress, handshakeTimeout: HANDSHAKE_MS };
    this.#ws = new WebSocket(address, options);
    return new Promise((resolve, reject) => {
      this.#ws.on("message", (data) => this.#receive(data, resolve));
      this.#ws.on("error", reject);
      this.#ws.on("close", () => {
        this.closed = performance.now();
        this.onGone();
        this.onClose();
        reject(new Error("closed before it was connected"));
      });
    });
  }

  /** Calls `done` when the server has acknowledged the event. */
  emit(event, done) {
    this.#ack = done;
    this.#ws.send(`42${this.#ids++}["${event}"]`);
  }

  close() {
    this.#ws.close();
  }

  #receive(data, connected) {
    switch (data[0]) {
      case 0x30: // open
        return this.#ws.send("40");
      case 0x32: // ping
        return this.#ws.send("3");
    }
    switch (data[1]) {
      case 0x30: // connect
        return connected();
      case 0x31: // disconnect
        this.told = performance.now();
        return this.onGone();
      case 0x32: // event
        return this.onEvent();
      case 0x33: // ack
        return this.#ack(data);
    }
  }
}
