// What is on the page, and how it is changed.

/** Connected; on the way there; or not without a click. */
export type State = "connected" | "waiting" | "ended";

const KEPT = 100;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

export function onClick(id: string, action: () => void): void {
  element(id).addEventListener("click", () => {
    if (element(id).ariaDisabled !== "true") action();
  });
}

export function showCount(count: number): void {
  if (element("count").textContent === String(count)) return;
  element("count").textContent = String(count);
  if (!calm.matches) element("count").animate([{ scale: 1.15 }, { scale: 1 }], 180);
}

export function showSockets(sockets: number | null): void {
  element("sockets").textContent = sockets === null ? "–" : String(sockets);
}

export function showState(state: State, words: string, transport: string | null): void {
  element("state").dataset["state"] = state;
  element("state").textContent = words;
  element("transport").textContent = transport ?? "–";
  element("incr-emit").ariaDisabled = String(state !== "connected");
  offer(state === "ended");
}

/** Say what everybody has to know, screen readers included, and note it down. */
export function announce(text: string): void {
  element("notice").textContent = text;
  note(text);
}

/** Note down what happened; the newest is on top. */
export function note(text: string): void {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const now = new Date();
  time.dateTime = now.toISOString();
  time.textContent = now.toLocaleTimeString();
  item.append(time, ` ${text}`);
  element("log").prepend(item);
  element("log").children[KEPT]?.remove();
}

// The buttons of a session give way to the one that starts the next. Who was on one of them is taken
// to what has come in their place, and is not left on a button that has gone.
function offer(start: boolean): void {
  if (element("ended").hidden === !start) return;
  const going = start ? ["counting", "living", "user"] : ["ended"];
  const wasThere = going.some((id) => element(id).contains(document.activeElement));
  for (const id of ["counting", "living", "user"]) element(id).hidden = start;
  element("ended").hidden = !start;
  if (wasThere) element(start ? "connect" : "incr-fetch").focus();
}
