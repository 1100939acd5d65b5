// The Node server, socket.io 4.8 without a session, on PORT: what it answers is what clients are used to.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../benchmarks/node/package.json", import.meta.url));
const { Server } = require("socket.io");

const server = createServer((_request, response) => response.end("here"));
const io = new Server(server);
io.on("connection", (socket) => {
  socket.on("incr", (...args) => args.at(-1)?.(1));
});
server.listen(Number(process.env.PORT), "127.0.0.1");
