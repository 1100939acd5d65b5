// The load on sockets, commanded by JSON lines: {"op": "open", ...} in, {"ok": ...} or {"error": ...} out.

import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { RawSocket } from "./socket.mjs";

const IS_COUNT = /^43\d+\[\d+\]$/;
const SOCKETS_AN_ADDRESS = 20_000;
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
let cookies = [];
let sockets = [];
let back;

const commands = {
  cookies: makeCookies,
  signIn,
  open,
  events,
  eventsTogether,
  requestsTogether,
  handshakes,
  says,
  closes,
  logout,
  close,
  stay,
  returned,
};

/** Opens `count` sessions over HTTP; gives their Cookie headers. */
async function makeCookies({ url, count }) {
  cookies = [];
  await inParallel(32, count, async () => {
    const { headers } = await fetchOnce("GET", `${url}/session`);
    cookies.push(headers["set-cookie"][0].split(";")[0]);
  });
  return cookies;
}

/** Signs each session's user in; its cookie is another one then. */
async function signIn({ url }) {
  await inParallel(8, cookies.length, async (index) => {
    const body = JSON.stringify({ name: `user ${index}` });
    const { headers } = await fetchOnce("POST", `${url}/sign-in`, cookies[index], body);
    cookies[index] = headers["set-cookie"][0].split(";")[0];
  });
}

/**
 * Opens `count` sockets, in turn on each node and each session. With `refresh`, asks there for the
 * deadline of each socket's session, which extends it.
 */
async function open({ urls, count, refresh, parallel = 50 }) {
  await inParallel(parallel, count, async (index) => {
    const socket = new RawSocket();
    const cookie = cookies[index % cookies.length];
    await socket.open(urls[index % urls.length], cookie, address(index));
    sockets.push(socket);
    if (refresh) socket.deadline = await deadline(refresh, cookie);
  });
  return sockets.length;
}

/**
 * One of this machine's own addresses: each has ports for so many connections. Each process has others, as a
 * port stays taken for a minute after a connection has been closed.
 */
function address(index) {
  const [high, low] = [(process.pid >> 8) & 127, process.pid & 255];
  return `127.${128 + high}.${low}.${1 + Math.floor(index / SOCKETS_AN_ADDRESS)}`;
}

/** Has each socket emit `incr` again and again, the next when the last is acknowledged. */
function events({ last }) {
  const waits = [];
  let refused = 0;
  const end = performance.now() + last * 1000;
  return new Promise((resolve) => {
    let running = sockets.length;
    const next = (socket) => {
      const start = performance.now();
      if (start > end) {
        running -= 1;
        if (!running) resolve({ ...spread(waits), count: waits.length, refused });
        return;
      }
      socket.emit("incr", (ack) => {
        waits.push(performance.now() - start);
        if (!IS_COUNT.test(ack)) refused += 1;
        next(socket);
      });
    };
    sockets.forEach(next);
  });
}

/** Has all sockets emit at once, and again when all are acknowledged: as many as that come together. */
async function eventsTogether({ event = "incr", rounds }) {
  for (let round = 0; round < rounds; round += 1)
    await Promise.all(
      sockets.map(
        (socket) =>
          new Promise((resolve, reject) => {
            socket.emit(event, (ack) =>
              IS_COUNT.test(ack) ? resolve() : reject(new Error(`refused: ${ack}`)),
            );
          }),
      ),
    );
}

/** The same with requests, each of another session. */
async function requestsTogether({ method, url, rounds, parallel = 10 }) {
  for (let round = 0; round < rounds; round += 1)
    await Promise.all(
      Array.from({ length: parallel }, (_, index) =>
        fetchOnce(method, url, cookies[index % cookies.length]),
      ),
    );
}

/** Connects and closes sockets of known sessions for some seconds, or so many. */
async function handshakes({ url, last = 3600, count = Infinity, parallel = 10 }) {
  const waits = [];
  const end = performance.now() + last * 1000;
  await inParallel(parallel, count, async (index) => {
    const start = performance.now();
    if (start > end) return false;
    const socket = new RawSocket();
    await socket.open(url, cookies[index % cookies.length]);
    waits.push(performance.now() - start);
    socket.close();
  });
  return { ...spread(waits), count: waits.length };
}

/** Has a room told something again and again, the next when all sockets have received the last. */
async function says({ url, last }) {
  agent.destroy(); // while the others had their turn, servers have closed what was kept alive
  const waits = [];
  const end = performance.now() + last * 1000;
  for (let start = performance.now(); start < end; start = performance.now()) {
    const received = new Promise((resolve) => {
      let left = sockets.length;
      for (const socket of sockets)
        socket.onEvent = () => {
          left -= 1;
          if (!left) resolve();
        };
    });
    await Promise.all([fetchOnce("POST", url), received]);
    waits.push(performance.now() - start);
  }
  return { ...spread(waits), count: waits.length };
}

/** Waits until all sockets are gone; how long after its session's deadline was each? */
async function closes({ within }) {
  await allGone(within);
  const gone = sockets.filter((socket) => socket.closed);
  const lags = gone.map((socket) => socket.closed - socket.deadline);
  return { ...spread(lags), gone: gone.length, left: sockets.length - gone.length };
}

/** Logs the one session out; how long until its last socket was told, or closed? */
async function logout({ url, within }) {
  const start = performance.now();
  const everybody = allGone(within);
  await fetchOnce("POST", `${url}/logout`, cookies[0]);
  await everybody;
  const moments = sockets.map((socket) => socket.told || socket.closed).filter(Boolean);
  return { last_ms: Math.max(...moments) - start, left: sockets.length - moments.length };
}

/** Has each socket come back when its connection is closed, as the JavaScript client does. */
function stay() {
  back = { gone: 0, moments: [], tries: 0, firstGone: 0 };
  sockets.forEach((socket, index) => {
    const cookie = cookies[index % cookies.length];
    socket.onClose = () => {
      back.firstGone ||= performance.now();
      back.gone += 1;
      comeBack(socket.url, cookie, 0);
    };
  });
}

/** Its delays: a second, doubled with each try up to five, each by up to half more or less. */
function comeBack(url, cookie, tries) {
  const delay = Math.min(1000 * 2 ** tries, 5000) * (0.5 + Math.random());
  setTimeout(async () => {
    back.tries += 1;
    try {
      await new RawSocket().open(url, cookie);
      back.moments.push(performance.now());
    } catch {
      comeBack(url, cookie, tries + 1);
    }
  }, delay);
}

/** Waits until all are back; how long did it take, counted from the first that was sent away? */
async function returned({ within }) {
  const end = performance.now() + within * 1000;
  while (back.moments.length < sockets.length && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const waits = back.moments.map((moment) => moment - back.firstGone);
  const { p50_ms, max_ms } = spread(waits);
  return { p50_ms, max_ms, left: sockets.length - waits.length, tries: back.tries };
}

function close() {
  for (const socket of sockets) socket.close();
  sockets = [];
}

/** When a session ends if nothing is done with it, on the clock of performance.now(). */
async function deadline(url, cookie) {
  const { body } = await fetchOnce("GET", `${url}/session`, cookie);
  return Date.parse(JSON.parse(body).expires_at) - performance.timeOrigin;
}

function allGone(seconds) {
  return new Promise((resolve) => {
    let left = sockets.length;
    const timer = setTimeout(resolve, seconds * 1000);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    for (const socket of sockets) {
      if (socket.closed || socket.told) left -= 1;
      else
        socket.onGone = () => {
          socket.onGone = () => {};
          left -= 1;
          if (!left) done();
        };
    }
    if (!left) done();
  });
}

/** Runs `job(0)`, `job(1)` ... so many at a time, until `count` or one that gives false. */
async function inParallel(parallel, count, job) {
  let next = 0;
  const worker = async () => {
    while (next < count) if ((await job(next++)) === false) return;
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

function fetchOnce(method, url, cookie, body) {
  return new Promise((resolve, reject) => {
    const headers = cookie ? { cookie } : {};
    if (body) headers["content-type"] = "application/json";
    const sent = request(url, { method, headers, agent, timeout: 30_000 }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () =>
        response.statusCode < 300
          ? resolve({ body: text, headers: response.headers })
          : reject(new Error(`${method} ${url}: ${response.statusCode} ${text}`)),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error(`${method} ${url}: no answer`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50_ms: at(0.5), p99_ms: at(0.99), min_ms: at(0), max_ms: at(1) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...args } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await commands[op](args)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
