"use strict";

const main = document.getElementById("asyncapi");

/** Return an element with a class and children; a string is text. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const child of children.flat()) element.append(child);
  return element;
}

/** Return text in which `code` is code, and [text](address) a link. */
function prose(text) {
  const parts = text.split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/);
  return parts.filter(Boolean).map((part) => {
    if (part.startsWith("`")) return make("code", "", part.slice(1, -1));
    const link = part.match(/^\[([^\]]+)\]\(([^)]+)\)$/);
    if (!link) return part;
    const element = make("a", "", link[1]);
    element.href = link[2];
    return element;
  });
}

/** Return the paragraphs and lists of a Markdown text. */
function paragraphs(text = "") {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const [before, ...items] = block.split(/^[-*] /m);
    const list = items.map((each) => make("li", "", prose(each.trim())));
    return [
      ...(before.trim() ? [make("p", "", prose(before))] : []),
      ...(list.length ? [make("ul", "", list)] : []),
    ];
  });
}

const nameOf = (ref) => ref.split("/").at(-1);
const union = (types) => [...new Set(types)].join(" | ");

/** Return a type in words that TypeScript has, too. */
function typeOf(schema) {
  if (schema === true || !schema || !Object.keys(schema).length) return "any";
  if (schema.$ref) return nameOf(schema.$ref);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((each) => JSON.stringify(each)));
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return union(several.map(typeOf));
  if (schema.format === "binary") return "bytes";
  if (schema.type === "array") {
    if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
    return `${typeOf(schema.items)}[]`;
  }
  if (schema.type === "object" && schema.additionalProperties) {
    return `{ [name]: ${typeOf(schema.additionalProperties)} }`;
  }
  return schema.format ? `${schema.type} (${schema.format})` : schema.type ?? "any";
}

/** Return the arguments of a message: a name, a type, what is said of it, and whether it may be left out. */
function argumentsOf({ payload, "x-arguments": names }) {
  if (payload.type === "null" && !names.length) return [];
  if (!payload.prefixItems) return [{ name: names[0] ?? "value", schema: payload }];
  const fixed = payload.prefixItems.map((schema, index) => ({
    name: names[index] ?? `value${index}`,
    schema,
    optional: index >= payload.minItems,
  }));
  const more = payload.maxItems === undefined ? [{ name: "…more", schema: payload.items }] : [];
  return [...fixed, ...more];
}

/** Return a call as code: what is sent at one glance. */
function signature(name, given) {
  const shown = given.map(({ name: each, schema, optional }) =>
    `${each}${optional ? "?" : ""}: ${typeOf(schema)}`,
  );
  return make("code", "", make("span", "", name), `(${shown.join(", ")})`);
}

function listed(given) {
  const said = given.filter(({ schema }) => schema.description);
  const items = said.map(({ name, schema }) =>
    make("li", "", make("code", "", name), " ", ...prose(schema.description)),
  );
  return items.length ? [make("ul", "", items)] : [];
}

class Page {
  constructor(document) {
    this.document = document;
  }

  show() {
    const { info, channels, components } = this.document;
    document.title = info.title;
    main.append(
      make("h1", "", info.title, " ", make("small", "", info.version)),
      ...paragraphs(info.description),
    );
    for (const [key, channel] of Object.entries(channels)) main.append(this.namespace(key, channel));
    main.append(make("h2", "", "Models"));
    for (const [name, schema] of Object.entries(components.schemas)) main.append(model(name, schema));
  }

  namespace(key, channel) {
    const all = Object.entries(this.document.operations).filter(
      ([, each]) => nameOf(each.channel.$ref) === key,
    );
    const trial = new Trial(channel.address);
    const section = make("section", "namespace", make("h2", "", `Namespace ${channel.address}`));
    section.append(trial.controls());
    for (const [title, action] of [["Client sends", "receive"], ["Server sends", "send"]]) {
      const found = all.filter(([, each]) => each.action === action);
      if (found.length) section.append(make("h3", "", title));
      for (const [id, each] of found) section.append(this.operation(id, each, channel, trial));
    }
    return section;
  }

  operation(id, operation, channel, trial) {
    const message = channel.messages[nameOf(operation.messages[0].$ref)];
    const given = argumentsOf(message);
    const sender = operation.action === "receive" ? "CLIENT SENDS" : "SERVER SENDS";
    const article = make(
      "article",
      operation.action,
      make("h4", "", make("span", "sender", sender), " ", signature(operation.title, given)),
      ...paragraphs(message.description),
      listed(given),
    );
    const limit = operation["x-limit"];
    if (limit) article.append(make("p", "", `At most ${limit} of one user, or of one session.`));
    article.id = `operation-${id}`;
    if (operation.reply) {
      const reply = channel.messages[nameOf(operation.reply.messages[0].$ref)];
      const label = operation.title === "connect" ? "connect_error: " : "ack: ";
      article.append(make("p", "ack", make("strong", "", label), make("code", "", typeOf(reply.payload))));
    }
    const isEvent = operation.action === "receive" && operation.title !== "connect";
    if (isEvent) article.append(trial.form(message, given));
    const about = make("small", "", "Operation ID ", make("code", "", id));
    article.append(make("p", "about", about));
    return article;
  }
}

function model(name, schema) {
  const required = schema.required ?? [];
  const members = Object.entries(schema.properties ?? {}).map(([each, inner]) =>
    make(
      "li",
      "",
      make("code", "", `${each}${required.includes(each) ? "" : "?"}: ${typeOf(inner)}`),
      " ",
      ...prose(inner.description ?? ""),
    ),
  );
  const own = members.length ? [make("ul", "", members)] : [make("p", "", make("code", "", typeOf(schema)))];
  const said = paragraphs(schema.description);
  const details = make("details", "", make("summary", "", make("code", "", name)), said, own);
  details.id = `model-${name}`;
  return details;
}

/** Connects to a namespace, emits, and shows what comes. */
class Trial {
  constructor(namespace) {
    this.namespace = namespace;
    this.socket = null;
    this.log = make("ol", "log");
    this.log.setAttribute("aria-live", "polite");
    this.log.setAttribute("aria-label", `What came in ${namespace}`);
  }

  controls() {
    const auth = make("textarea", "");
    auth.rows = 1;
    auth.value = "{}";
    const connect = make("button", "", "Connect");
    connect.type = "button";
    connect.addEventListener("click", () => this.connect(auth.value));
    const label = make("label", "", "auth (JSON) ", auth);
    return make("div", "trial", label, " ", connect, this.log);
  }

  connect(auth) {
    this.socket?.disconnect();
    const path = new URL(`../${main.dataset.socketPath}/`, location.href).pathname;
    try {
      this.socket = io(new URL(this.namespace, location.origin).href, {
        path,
        auth: JSON.parse(auth || "{}"),
        forceNew: true,
      });
    } catch (error) {
      this.note(String(error));
      return;
    }
    this.socket.on("connect", () => this.note(`connected as ${this.socket.id}`));
    this.socket.on("disconnect", (reason) => this.note(`disconnected: ${reason}`));
    this.socket.on("connect_error", ({ message, data }) => this.note(`connect_error: ${message}`, [data]));
    this.socket.onAny((name, ...args) => this.note(`← ${name}`, args));
  }

  form(message, given) {
    const input = make("textarea", "");
    input.rows = 2;
    const example = message.examples[0]?.payload;
    const one = given.length === 1 && !message.payload.prefixItems;
    input.value = JSON.stringify(one ? [example ?? null] : example ?? given.map(() => null));
    const emit = make("button", "", "Emit");
    const label = make("label", "", "Arguments (JSON array) ", input);
    const form = make("form", "trial", label, " ", emit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.emit(message.name, input.value);
    });
    const details = make("details", "", make("summary", "", "Try it out"), form);
    return details;
  }

  emit(name, text) {
    if (!this.socket) this.connect("{}");
    try {
      this.note(`→ ${name}`, JSON.parse(text));
      this.socket.emit(name, ...JSON.parse(text), (...answer) => this.note(`ack of ${name}`, answer));
    } catch (error) {
      this.note(String(error));
    }
  }

  note(what, args = []) {
    const shown = args.map((each) =>
      each instanceof ArrayBuffer ? `${each.byteLength} bytes` : JSON.stringify(each),
    );
    this.log.append(make("li", "", `${what} ${shown.join(", ")}`));
  }
}

fetch("../asyncapi.json")
  .then((answer) => answer.json())
  .then((found) => new Page(found).show())
  .catch((error) => main.append(make("p", "", `asyncapi.json cannot be read: ${error}`)));
