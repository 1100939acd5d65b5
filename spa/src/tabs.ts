// What one tab received, the others show, too: a request of their own would extend the session.
import type { SessionView } from "./api";

const channel = new BroadcastChannel("mooring");

export function shareWithTabs(view: SessionView): void {
  channel.postMessage(view);
}

export function onShared(show: (view: SessionView) => void): void {
  channel.addEventListener("message", ({ data }: MessageEvent<SessionView>) => show(data));
}
