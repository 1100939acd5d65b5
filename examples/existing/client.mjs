// One client for both: prints what happens to two people and one who says no name. client.mjs URL
import { createRequire } from "node:module";

// SOCKET_IO says in which folder socket.io-client is installed.
const require = createRequire(new URL(`file://${process.env.SOCKET_IO ?? process.cwd()}/`));
const { io } = require("socket.io-client");

const [url] = process.argv.slice(2);
const next = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
const person = (name, transports) => io(url, { auth: { name }, transports, forceNew: true });

const ann = person("ann", ["websocket"]);
await next(ann, "connect");
const bob = person("bob", ["polling"]);
await next(bob, "connect");
await ann.emitWithAck("join", "deck");

const joined = next(ann, "joined");
await bob.emitWithAck("join", "deck");
console.log("joined", ...(await joined));

const heard = [next(ann, "said"), next(bob, "said")];
console.log("ack", await bob.emitWithAck("say", "deck", "ahoy"));
for (const each of heard) console.log("said", ...(await each));
console.log("history", await (await fetch(`${url}/said`)).json());

const left = next(ann, "left");
bob.disconnect();
console.log("left", ...(await left));

const nobody = io(url, { forceNew: true });
const [error] = await next(nobody, "connect_error");
console.log("refused", error.message, nobody.active);
ann.disconnect();
