// The client's own Node transports, made to use a browser profile's jar, or left as they come.
//
// As they come, each engine instance has a jar of its own, so that a reconnecting client forgets its
// cookie, and a cookie on a response without a body or with an error status is not seen at all.

import { NodeWebSocket, NodeXHR } from "socket.io-client";

/**
 * Transport classes for one client. `onHandshake` is called with the Cookie header of a handshake that is
 * about to be sent, `onResponse` with every response to a request of theirs; `jar` may be null: then they
 * are the client's own but for that. `open` is a set that holds what is not closed yet: functions that
 * abort a request or a connection.
 */
export function transportsWithJar(names, jar, { onHandshake, onResponse }, open) {
  const receive = (transport, handshake, status, setCookies) => {
    jar?.receive(setCookies ?? []);
    onResponse({ transport, handshake, status, set_cookie: setCookies ?? [] });
  };
  const classes = {
    polling: pollingWithJar(jar, onHandshake, receive, open),
    websocket: websocketWithJar(jar, onHandshake, receive, open),
  };
  return names.map((name) => classes[name]);
}

function pollingWithJar(jar, onHandshake, receive, open) {
  return class extends NodeXHR {
    request(opts = {}) {
      this.opts.extraHeaders = withCookie(this.opts.extraHeaders, jar);
      const handshake = !this.query.sid;
      if (handshake) onHandshake(this.opts.extraHeaders?.cookie ?? null);
      const request = super.request(opts);
      const xhr = request._xhr;
      if (!xhr) return request;
      const abort = () => xhr.abort();
      open.add(abort);
      const onHeaders = () =>
        receive("polling", handshake, xhr.status, xhr.getResponseHeader("set-cookie"));
      xhr.addEventListener("readystatechange", () => {
        // The status is set right after this event, and the body is read in a later turn.
        if (xhr.readyState === 2) queueMicrotask(onHeaders);
        if (xhr.readyState === 4) open.delete(abort);
      });
      return request;
    }
  };
}

function websocketWithJar(jar, onHandshake, receive, open) {
  return class extends NodeWebSocket {
    createSocket(uri, protocols, opts) {
      const handshake = !this.query.sid;
      const onAnswer = (response) =>
        receive("websocket", handshake, response.statusCode, response.headers["set-cookie"]);
      const finishRequest = (request) => {
        request.prependListener("upgrade", onAnswer).prependListener("response", onAnswer);
        request.end();
      };
      const headers = withCookie(opts.headers, jar);
      if (handshake) onHandshake(headers.cookie ?? null);
      const socket = super.createSocket(uri, protocols, { ...opts, headers, finishRequest });
      const abort = () => socket.terminate();
      open.add(abort);
      socket.once("close", () => open.delete(abort));
      return socket;
    }
  };
}

function withCookie(headers = {}, jar) {
  if (!jar) return headers;
  const { cookie, ...others } = headers;
  return jar.header ? { ...others, cookie: jar.header } : others;
}
