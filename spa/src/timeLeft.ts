// The time that the session has left, counted down.
import { element } from "./page";

let end: number | null = null;

export function showEnd(expiresAt: string | null): void {
  end = expiresAt === null ? null : Date.parse(expiresAt);
  tick();
}

function tick(): void {
  element("time-left").textContent = end === null ? "–" : words(Math.max(0, end - Date.now()));
}

function words(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(seconds / 3600);
  return (hours ? [hours, ...parts] : parts).join(":");
}

setInterval(tick, 1000);
