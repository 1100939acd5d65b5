// What one writes: sent at once, or when the connection is back, and shown until it is there.
import { remind, upload } from "./api";
import { element, toast } from "./dom";
import { receive } from "./history";
import { say, sayTyping } from "./socket";
import { changed, type Pending, state } from "./state";

const MAX_FILE_BYTES = 5_000_000;
const TYPING_EVERY = 3000;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };

const form = element<HTMLFormElement>("composer");
const text = element<HTMLTextAreaElement>("text");
const input = element<HTMLInputElement>("file");
let saidTyping = 0;

/** Send a message or a file; the id is the same for all tries, so that it is there once. */
export function deliver(pending: Pending): void {
  delete pending.problem;
  const { id, channel, text, file } = pending;
  const sent = file ? upload(channel, file, id) : say({ id, channel, text });
  sent.then(receive, (error: Error) => {
    pending.problem = error.message;
    changed();
  });
  changed();
}

/** Give a message up. */
export function drop(pending: Pending): void {
  state.pending = state.pending.filter((each) => each !== pending);
  changed();
}

function send(text: string, file?: File): void {
  const pending: Pending = { id: newId(), channel: state.current, text, ...(file ? { file } : {}) };
  state.pending.push(pending);
  deliver(pending);
}

// crypto.randomUUID is there on https and on localhost alone.
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sendFile(file: File | null | undefined): void {
  if (!file || form.hidden) return;
  if (file.size > MAX_FILE_BYTES) toast(`${file.name} is too large: a file may have 5 MB.`);
  else send(file.name, file);
}

async function remindLater(words: string): Promise<void> {
  const found = /^\/remind\s+(\d{1,5})\s*([smhd])\s+(.+)$/s.exec(words);
  if (!found) return toast("Write it like this: /remind 10m tea");
  const [, count, unit, text] = found as unknown as [string, string, keyof typeof SECONDS, string];
  await remind(state.current, text, Number(count) * SECONDS[unit]);
  toast(`It will be said in ${count} ${unit}.`);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = text.value.trim();
  text.value = "";
  text.focus();
  if (words.startsWith("/remind")) void remindLater(words).catch((error: Error) => toast(error.message));
  else if (words) send(words);
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

text.addEventListener("input", () => {
  if (!text.value || text.value.startsWith("/") || Date.now() - saidTyping < TYPING_EVERY) return;
  saidTyping = Date.now();
  sayTyping(state.current);
});

input.addEventListener("change", () => {
  sendFile(input.files?.[0]);
  input.value = "";
});

text.addEventListener("paste", (event) => sendFile(event.clipboardData?.files[0]));
element("room").addEventListener("dragover", (event) => event.preventDefault());
element("room").addEventListener("drop", (event) => {
  event.preventDefault();
  sendFile(event.dataTransfer?.files[0]);
});
