// The session as both sides see it: requests by fetch, events by the socket.
import { type Answer, API_URL, incr, logout, rotate, type SessionView, viewSession } from "./api";
import { announce, element, note, onClick, showCount, showSockets, showState } from "./page";
import { CUT, ENDINGS, socket, transport } from "./socket";
import { onShared, shareWithTabs } from "./tabs";
import { showEnd } from "./timeLeft";
import "./users";

const AGAIN_AFTER = 3000;

const FIRST = "Connected. Requests and this socket share one session.";

/** What to say when the socket is connected. */
let welcome = FIRST;
/** How often the socket has received the count. */
let received = 0;

function show(view: SessionView): void {
  showSockets(view.sockets);
  showEnd(view.expires_at);
}

async function refresh(): Promise<boolean> {
  const before = received;
  const answer = await viewSession();
  if (!succeeded(answer)) return false;
  // What the socket received meanwhile may be newer than the answer.
  if (received === before) showCount(answer.data.count);
  show(answer.data);
  shareWithTabs(answer.data);
  return true;
}

function succeeded<T>(answer: Answer<T>): answer is { ok: true; data: T } {
  if (!answer.ok) announce(answer.why);
  return answer.ok;
}

/** Open the session by a request, then connect: two first contacts at once would open two sessions. */
async function start(): Promise<void> {
  showState("waiting", "connecting", null);
  if (await refresh()) socket.connect();
  else setTimeout(start, AGAIN_AFTER);
}

function ended(words: string): void {
  showState("ended", words, null);
  showSockets(null);
  showEnd(null);
}

socket.on("connect", () => {
  showState("connected", "connected", transport());
  announce(welcome);
  welcome = CUT.back; // unless a reason is given
  note(`Connected by ${transport()}.`);
  socket.io.engine.once("upgrade", () => {
    showState("connected", "connected", transport());
    note(`Upgraded to ${transport()}.`);
  });
  void refresh();
});

socket.on("current count", (count) => {
  received += 1;
  showCount(count);
  note(`The socket received the count ${count}.`);
});

socket.on("session ended", ({ reason }) => {
  announce(ENDINGS[reason].now);
  welcome = ENDINGS[reason].back;
  // The next session is opened by a request, before the socket comes back with the cookie.
  if (reason === "expired") void refresh();
});

socket.on("disconnect", (reason) => {
  if (welcome === CUT.back) announce(CUT.now);
  note(`Disconnected: ${reason}.`);
  if (socket.active) showState("waiting", `connecting again after ${reason}`, null);
  else ended("disconnected");
});

socket.on("connect_error", (error) => {
  if (socket.active) showState("waiting", "connecting again", null);
  else ended("refused");
  note(`No connection: ${error.message}.`);
});

onShared(show);

onClick("incr-fetch", async () => {
  const answer = await incr();
  if (!succeeded(answer)) return;
  note(`POST /incr gave ${answer.data}.`);
  void refresh();
});

onClick("incr-emit", () =>
  socket.emit("incr", (answer) => {
    if (typeof answer === "number") note(`incr was acknowledged with ${answer}.`);
    else announce(answer.error.detail);
  }),
);

onClick("rotate", async () => {
  if (succeeded(await rotate())) note("POST /session/rotate: the cookie is a new one.");
});

onClick("logout", async () => {
  if (!succeeded(await logout())) return;
  note("POST /logout: the session is over.");
  if (socket.connected) return; // it gets an event of its own
  socket.disconnect(); // else it would come back, with a session that nobody asked for
  ended("disconnected");
});

onClick("refresh", refresh);
onClick("connect", start);

element("http-docs").setAttribute("href", `${API_URL}/docs`);
element("event-docs").setAttribute("href", `${API_URL}/docs/events`);

void start();
