// Small tools for the page: finding elements, making them, keeping lists up to date.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

const SVG = "http://www.w3.org/2000/svg";

/** The lines of each icon, on a square of 24. */
const ICONS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.500-6s6.500 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500c2.200.700 3.500 2.600 3.500 5.500",
  clip: "M20 11.500l-8.500 8.500a5 5 0 0 1-7-7L13 4.500a3.300 3.300 0 0 1 4.700 4.700l-8.300 8.300a1.600 1.600 0 0 1-2.400-2.300L14.500 8",
  send: "M4 12l16-8-5 16-3.500-6.500L4 12zM11.500 13.500L20 4",
  device: "M4 5h12v9H4zM2 18h11M16 9h5v10h-5z",
  door: "M14 4H6v16h8M10 12h11M17.500 8l4 4-4 4",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
} as const;

export type Icon = keyof typeof ICONS;

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

/** Make an element. Functions are listeners; what is null or false is left out. */
export function h(tag: string, attributes: Attributes = {}, ...children: Child[]): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

export function icon(name: Icon): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** The first letter of a name, on a colour that is always the same for it. */
export function avatar(name: string): HTMLElement {
  const made = h("span", { class: "avatar", "aria-hidden": "true" }, name.slice(0, 1).toUpperCase());
  let hue = 7;
  for (const letter of name) hue = (hue * 31 + letter.charCodeAt(0)) % 360;
  made.style.setProperty("--hue", String((hue * 137) % 360)); // neighbours look different
  return made;
}

const shown = new WeakMap<Node, string>();

/**
 * Make a list show items: what has not changed stays as it is, and with it where the focus is.
 *
 * `key` names an item, `look` is all that its element shows.
 */
export function keepList<T>(
  list: HTMLElement,
  items: readonly T[],
  key: (item: T) => string,
  look: (item: T) => unknown,
  make: (item: T) => HTMLElement,
): void {
  const old = new Map([...list.children].map((each) => [(each as HTMLElement).dataset["key"], each]));
  let place: Element | null = list.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const looks = JSON.stringify(look(item));
    let node = old.get(name);
    old.delete(name);
    if (!node || shown.get(node) !== looks) {
      const fresh = make(item);
      fresh.dataset["key"] = name;
      shown.set(fresh, looks);
      if (node) {
        if (place === node) place = fresh;
        replace(node, fresh);
      }
      node = fresh;
    }
    if (node === place) place = place.nextElementSibling;
    else list.insertBefore(node, place);
  }
  for (const gone of old.values()) gone.remove();
}

function replace(old: Element, fresh: HTMLElement): void {
  const had = document.activeElement;
  const name = old.contains(had) ? (had as HTMLElement).dataset["focus"] : undefined;
  old.replaceWith(fresh);
  if (name) fresh.querySelector<HTMLElement>(`[data-focus="${name}"]`)?.focus();
}

/** Call a function once in the next moment, however often it is asked for. */
export function soon(run: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      run();
    });
  };
}

let hiding = 0;

/** Say for some seconds what has happened. */
export function toast(text: string): void {
  element("toast").textContent = text;
  element("toast").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (element("toast").hidden = true), 6000);
}
