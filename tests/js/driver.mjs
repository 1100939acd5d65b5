// Many browsers with many Socket.IO clients in one process, commanded by JSON lines.
//
// in:  {"id": 7, "op": "connect", ...}
// out: {"id": 7, "ok": ...} or {"id": 7, "error": "..."} for each command, and
//      {"client": 3, "at": <monotonic seconds>, "kind", "name", "args", "state"} for each event.
//
// The process serves one test after another: "release" closes the browsers of a test.

import { createInterface } from "node:readline";
import { Client } from "./client.mjs";
import { takeTurns } from "./names.mjs";
import { CookieJar } from "./jar.mjs";

// So long a client may take to close in good order: it says good-bye to its node.
const CLOSE_TIMEOUT_MS = 1000;

const browsers = new Map();
const clients = new Map();

const commands = {
  browser: ({ browser }) => void browsers.set(browser, { jar: new CookieJar(), open: new Set() }),
  cookies: ({ browser }) => jarOf(browser).all,
  "set-cookie": ({ browser, header }) => jarOf(browser).receive([header]),
  "clear-cookies": ({ browser }) => jarOf(browser).clear(),
  fetch: fetchWithJar,
  connect: openClient,
  reconnect: ({ client }) => clients.get(client).connect(),
  emit: ({ client, event, args, timeout }) => clients.get(client).emit(event, args, timeout),
  ask: ({ client, event, args, timeout }) => clients.get(client).ask(event, args, timeout),
  burst: ({ client, emits, timeout }) => clients.get(client).burst(emits, timeout),
  send: ({ client, event, args }) => clients.get(client).send(event, args),
  cut: ({ client }) => clients.get(client).cut(),
  pause: ({ client }) => clients.get(client).pause(),
  resume: ({ client }) => clients.get(client).resume(),
  close: ({ client }) => clients.get(client).close(),
  "close-all": closeAll,
  name: ({ name, addresses }) => takeTurns(name, addresses),
  release,
};

function jarOf(browser) {
  return browsers.get(browser).jar;
}

function openClient({ client, browser, url, jarless, ...how }) {
  const at = () => Number(process.hrtime.bigint()) / 1e9;
  const report = (event) => write({ client, at: at(), ...event });
  const jar = jarless ? null : jarOf(browser);
  clients.set(client, new Client(url, { ...how, jar, report }));
}

async function fetchWithJar({ browser, method, url, headers, body }) {
  const { jar, open } = browsers.get(browser);
  const cookie = jar.header ? { cookie: jar.header } : {};
  const controller = new AbortController();
  const abort = () => controller.abort();
  open.add(abort);
  try {
    const response = await fetch(url, {
      method,
      headers: { ...cookie, ...headers },
      body,
      redirect: "manual",
      signal: controller.signal,
    });
    jar.receive(response.headers.getSetCookie());
    const answer = await response.text();
    return { status: response.status, headers: [...response.headers], body: answer };
  } finally {
    open.delete(abort);
  }
}

function write(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function run(line) {
  const { id, op, ...args } = JSON.parse(line);
  try {
    write({ id, ok: (await commands[op](args)) ?? null });
  } catch (error) {
    write({ id, error: String(error.cause ?? error.message ?? error) });
  }
}

function closeAll() {
  for (const client of clients.values()) client.close();
}

/**
 * Closes all clients and browsers. Clients say good-bye, so that nothing of a test is left in a node
 * that other tests share. Resolves with how many requests and connections are open nevertheless.
 */
async function release() {
  closeAll();
  const held = [...clients.values(), ...browsers.values()];
  const openNow = () => held.flatMap(({ open }) => [...open]);
  await until(() => !openNow().length, CLOSE_TIMEOUT_MS);
  for (const abort of openNow()) abort();
  await until(() => !openNow().length, CLOSE_TIMEOUT_MS);
  clients.clear();
  browsers.clear();
  return openNow().length;
}

async function until(condition, timeout) {
  const deadline = performance.now() + timeout;
  while (!condition() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

// The process ends by itself when all is closed, but no later than this.
function end() {
  closeAll();
  setTimeout(() => process.exit(0), CLOSE_TIMEOUT_MS).unref();
}

// xmlhttprequest-ssl 2.1 fails on the error of a request that it has aborted itself.
process.on("uncaughtException", (error) => {
  if (!/Cannot read properties of null \(reading 'reusedSocket'\)/.test(error.message)) throw error;
});

createInterface({ input: process.stdin }).on("line", run).on("close", end);
