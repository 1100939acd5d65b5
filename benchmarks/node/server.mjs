// The system that Node users build: express-session and Socket.IO share one session, as the guide
// "How to use with express-session" and the README of connect-redis set it up.
//
// PORT, REDIS_URL (none: express-session's memory store), IDLE_TIMEOUT and RELOAD_INTERVAL in seconds;
// with LOBBY all sockets are in one room. Node and Bun both run it.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, REDIS_URL, IDLE_TIMEOUT = "1800", RELOAD_INTERVAL = "30", LOBBY } = process.env;

const redis = REDIS_URL ? await connected() : null;
const app = express();
const server = createServer(app);
const io = new Server(server, { adapter: redis ? await redisAdapter() : undefined });

const sessionMiddleware = session({
  store: redis ? new RedisStore({ client: redis }) : undefined, // undefined: in memory
  secret: "a-secret-of-benchmarks-that-is-long-enough",
  resave: false, // connect-redis asks for this: an unchanged session is only touched
  saveUninitialized: true, // as in the guide; a session that is not stored cannot be reloaded
  cookie: { maxAge: Number(IDLE_TIMEOUT) * 1000, sameSite: "lax" },
});

async function connected() {
  const client = createClient({ url: REDIS_URL });
  client.on("error", (error) => console.error(error));
  return await client.connect();
}

async function redisAdapter() {
  return createAdapter(await connected(), await connected());
}

app.disable("x-powered-by").disable("etag");
app.get("/healthz", (_req, res) => res.json({ status: "alive" }));
app.post("/say", (_req, res) => {
  io.to("lobby").emit("said", "hello", 1);
  res.end();
});
app.use(sessionMiddleware);

app.get("/session", (req, res) => {
  req.session.touch();
  const { count = 0, cookie } = req.session;
  res.json({ count, expires_at: cookie.expires });
});

app.post("/incr", (req, res) => {
  const count = (req.session.count ?? 0) + 1;
  req.session.count = count;
  res.json(count);
  io.to(req.session.id).emit("current count", count);
});

app.post("/logout", (req, res) => {
  const { id } = req.session;
  req.session.destroy(() => {
    io.to(id).disconnectSockets();
    res.status(204).end();
  });
});

io.engine.use(sessionMiddleware);

io.on("connection", (socket) => {
  const { request } = socket;
  socket.join(request.session.id);
  if (LOBBY) socket.join("lobby");

  const timer = setInterval(() => {
    request.session.reload((error) => {
      if (error) socket.conn.close();
    });
  }, Number(RELOAD_INTERVAL) * 1000);
  socket.on("disconnect", () => clearInterval(timer));

  socket.on("incr", (ack) => {
    request.session.reload((error) => {
      if (error) return socket.disconnect();
      const count = (request.session.count ?? 0) + 1;
      request.session.count = count;
      request.session.save(() => {
        ack(count);
        io.to(request.session.id).emit("current count", count);
      });
    });
  });
});

server.listen(Number(PORT), "127.0.0.1");
