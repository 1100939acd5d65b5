// The dialogs: a new channel, and one's devices.
import * as api from "./api";
import { element, h } from "./dom";
import { state } from "./state";
import { go } from "./sync";

const channelDialog = element<HTMLDialogElement>("channel-dialog");
const deviceDialog = element<HTMLDialogElement>("device-dialog");

function problem(dialog: HTMLElement, error: Error | null): void {
  dialog.querySelector(".problem")!.textContent = error?.message ?? "";
}

for (const dialog of [channelDialog, deviceDialog]) {
  dialog.querySelector("[data-close]")!.addEventListener("click", () => dialog.close());
}

element("new-channel").addEventListener("click", () => {
  channelDialog.querySelector("form")!.reset();
  problem(channelDialog, null);
  channelDialog.showModal();
});

channelDialog.querySelector("form")!.addEventListener("submit", (event) => {
  event.preventDefault();
  const [name, topic] = ["channel-name", "channel-topic"].map((id) => element<HTMLInputElement>(id).value);
  api.createChannel(name!, topic!).then(
    (channel) => {
      state.channels.set(channel.name, channel);
      channelDialog.close();
      go(channel.name);
    },
    (error: Error) => problem(channelDialog, error),
  );
});

async function showDevices(): Promise<void> {
  const devices = await api.listDevices();
  element("devices").replaceChildren(
    ...devices.map((device) => {
      const seen = new Date(device.last_seen_at).toLocaleString();
      const tabs = `${device.sockets} ${device.sockets === 1 ? "connection" : "connections"}`;
      return h(
        "li",
        {},
        h(
          "span",
          {},
          h("strong", {}, device.label ?? "A device", device.current ? " (this one)" : ""),
          h("small", {}, `${tabs}, last seen ${seen}${device.address ? `, from ${device.address}` : ""}`),
        ),
        device.current
          ? null
          : h("button", { type: "button", click: () => void end(() => api.endDevice(device.key)) }, "Sign out"),
      );
    }),
  );
  element("end-others").hidden = devices.length < 2;
}

/** End sessions; where the sign-in was too long ago, sign in anew first: here that needs no password. */
async function end(run: () => Promise<unknown>): Promise<void> {
  try {
    await run().catch(async (error: unknown) => {
      if (!(error instanceof api.Refused) || error.type !== "recent-sign-in-required") throw error;
      await api.signIn(state.me.name ?? "");
      await run();
    });
    problem(deviceDialog, null);
    await showDevices();
  } catch (error) {
    problem(deviceDialog, error as Error);
  }
}

element("show-devices").addEventListener("click", () => {
  problem(deviceDialog, null);
  deviceDialog.showModal();
  void showDevices().catch((error: Error) => problem(deviceDialog, error));
});

element("end-others").addEventListener("click", () => void end(api.endOthers));
