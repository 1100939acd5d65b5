// The client's own Node transports, made to use a browser profile's jar.
//
// As they come, each engine instance has a jar of its own, so that a reconnecting client forgets its
// cookie, and a cookie on a response without a body or with an error status is not seen at all.

import { NodeWebSocket, NodeXHR } from "socket.io-client";

/** Transport classes for one client; `heard` is called with every response to a request of theirs. */
export function transportsWithJar(names, jar, heard) {
  const classes = { polling: pollingWithJar(jar, heard), websocket: websocketWithJar(jar, heard) };
  return names.map((name) => classes[name]);
}

function pollingWithJar(jar, heard) {
  return class extends NodeXHR {
    request(opts = {}) {
      this.opts.extraHeaders = withCookie(this.opts.extraHeaders, jar);
      const handshake = !this.query.sid;
      const request = super.request(opts);
      const xhr = request._xhr;
      const heardIt = () =>
        hear(jar, heard, "polling", handshake, xhr.status, xhr.getResponseHeader("set-cookie"));
      xhr?.addEventListener("readystatechange", () => {
        // The status is set right after this event, and the body is read in a later turn.
        if (xhr.readyState === 2) queueMicrotask(heardIt);
      });
      return request;
    }
  };
}

function websocketWithJar(jar, heard) {
  return class extends NodeWebSocket {
    createSocket(uri, protocols, opts) {
      const handshake = !this.query.sid;
      const hearResponse = (response) =>
        hear(jar, heard, "websocket", handshake, response.statusCode, response.headers["set-cookie"]);
      const finishRequest = (request) => {
        request.prependListener("upgrade", hearResponse).prependListener("response", hearResponse);
        request.end();
      };
      const headers = withCookie(opts.headers, jar);
      return super.createSocket(uri, protocols, { ...opts, headers, finishRequest });
    }
  };
}

function withCookie(headers = {}, jar) {
  const { cookie, ...others } = headers;
  return jar.header ? { ...others, cookie: jar.header } : others;
}

function hear(jar, heard, transport, handshake, status, setCookies) {
  jar.receive(setCookies ?? []);
  heard({ transport, handshake, status, set_cookie: setCookies ?? [] });
}
