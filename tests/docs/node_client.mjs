// A client of Node's without a cookie jar of the tests: node_client.mjs URL OPTIONS prints what becomes of it.
import { createRequire } from "node:module";

const require = createRequire(new URL("../js/driver.mjs", import.meta.url));
const { io } = require("socket.io-client");

const [url, options] = process.argv.slice(2);
const socket = io(url, { ...JSON.parse(options), reconnection: false });

function end(outcome) {
  console.log(outcome);
  process.exit();
}
socket.on("connect", () => socket.emitWithAck("greet", "Ada").then(end));
socket.on("disconnect", end);
socket.on("connect_error", (error) => end(error.message));
