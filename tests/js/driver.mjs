// Many browsers with many Socket.IO clients in one process, commanded by JSON lines.
//
// in:  {"id": 7, "op": "connect", ...}
// out: {"id": 7, "ok": ...} or {"id": 7, "error": "..."} for each command, and
//      {"client": 3, "at": <monotonic seconds>, "kind", "name", "args", "state"} for each event.

import { createInterface } from "node:readline";
import { Client } from "./client.mjs";
import { CookieJar } from "./jar.mjs";

const jars = new Map();
const clients = new Map();

const commands = {
  browser: ({ browser }) => void jars.set(browser, new CookieJar()),
  cookies: ({ browser }) => jars.get(browser).all,
  "set-cookie": ({ browser, header }) => jars.get(browser).receive([header]),
  "clear-cookies": ({ browser }) => jars.get(browser).clear(),
  fetch: fetchWithJar,
  connect: openClient,
  reconnect: ({ client }) => clients.get(client).connect(),
  emit: ({ client, event, args, timeout }) => clients.get(client).emit(event, args, timeout),
  burst: ({ client, emits, timeout }) => clients.get(client).burst(emits, timeout),
  send: ({ client, event, args }) => clients.get(client).send(event, args),
  cut: ({ client }) => clients.get(client).cut(),
  close: ({ client }) => clients.get(client).close(),
  leave,
};

function openClient({ client, browser, url, ...how }) {
  const at = () => Number(process.hrtime.bigint()) / 1e9;
  const report = (event) => write({ client, at: at(), ...event });
  clients.set(client, new Client(url, { ...how, jar: jars.get(browser), report }));
}

async function fetchWithJar({ browser, method, url, headers, body }) {
  const jar = jars.get(browser);
  const cookie = jar.header ? { cookie: jar.header } : {};
  const response = await fetch(url, {
    method,
    headers: { ...cookie, ...headers },
    body,
    redirect: "manual",
  });
  jar.receive(response.headers.getSetCookie());
  return { status: response.status, headers: [...response.headers], body: await response.text() };
}

function write(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function obey(line) {
  const { id, op, ...args } = JSON.parse(line);
  try {
    write({ id, ok: (await commands[op](args)) ?? null });
  } catch (error) {
    write({ id, error: String(error.cause ?? error.message ?? error) });
  }
}

function leave() {
  for (const client of clients.values()) client.close();
}

// Clients say good-bye, so that nothing of a test is left in a node that other tests share; the
// process ends by itself when that has been sent.
function end() {
  leave();
  setTimeout(() => process.exit(0), 1000).unref();
}

createInterface({ input: process.stdin }).on("line", obey).on("close", end);
