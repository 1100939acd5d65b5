// What one tab has learnt of the session, its sisters show, too. (To ask would extend the session.)
import type { SessionView } from "./api";

const channel = new BroadcastChannel("mooring");

export function tellOtherTabs(view: SessionView): void {
  channel.postMessage(view);
}

export function onNews(show: (view: SessionView) => void): void {
  channel.addEventListener("message", ({ data }: MessageEvent<SessionView>) => show(data));
}
