// Channels, people, and oneself.
import { avatar, element, h, keepList } from "./dom";
import type { Channel, Person } from "./generated/routes";
import { addressOf, onChange, state, unread } from "./state";
import { go } from "./sync";

function channelItem(channel: Channel): HTMLElement {
  const news = unread(channel);
  const current = channel.name === state.current;
  const link = h(
    "a",
    {
      href: addressOf(channel.name),
      class: news ? "news" : null,
      "aria-current": current ? "page" : null,
      "data-focus": "link",
      click: (event) => {
        event.preventDefault();
        go(channel.name);
      },
    },
    h("span", { class: "hash", "aria-hidden": "true" }, "#"),
    h("span", { class: "name" }, channel.name),
    news ? h("span", { class: "badge" }, String(news), h("span", { class: "unseen" }, " unread")) : null,
  );
  return h("li", {}, link);
}

function personItem(person: Person): HTMLElement {
  const words = person.banned ? "banned" : person.online ? "online" : "away";
  return h(
    "li",
    { class: `person ${words}` },
    avatar(person.name),
    h("span", { class: "name" }, person.name, person.name === state.me.name ? " (you)" : ""),
    h("span", { class: "unseen" }, `, ${words}`),
  );
}

const keyOf = (each: { name: string }) => each.name;

onChange(() => {
  const all = [...state.channels.values()].sort((one, other) => one.name.localeCompare(other.name));
  const look = (each: Channel) => [each.name, unread(each), each.name === state.current];
  keepList(element("channels"), all.filter((each) => each.joined), keyOf, look, channelItem);
  const others = all.filter((each) => !each.joined);
  keepList(element("others"), others, keyOf, look, channelItem);
  element("others-title").hidden = others.length === 0;

  const rank = (each: Person) => (each.online ? 0 : 1);
  const people = [...state.people.values()].sort(
    (one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name),
  );
  keepList(element("people"), people, keyOf, (each) => [each, state.me.name], personItem);

  const news = all.reduce((sum, each) => sum + unread(each), 0);
  document.title = news ? `(${news}) #${state.current}` : `#${state.current}`;
  element("my-name").textContent = state.me.name;
  element("my-avatar").replaceChildren(avatar(state.me.name ?? "?"));
  const words = state.connected ? "online" : "connecting …";
  if (element("state").textContent !== words) element("state").textContent = words;
  element("chat").dataset["connected"] = String(state.connected);
});
