// Write the types of HTTP bodies and of events, as openapi.json and asyncapi.json describe them.
// They go to src/generated, or to the folder that the first argument names.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "json-schema-to-typescript";
import openapiTS, { astToString } from "openapi-typescript";

const BANNER = "// Made by `npm run generate`; what is written by hand here is lost.\n\n";
const folder = process.argv[2] ?? "src/generated";

const read = async (name) => JSON.parse(await readFile(name, "utf8"));
const write = (name, text) => writeFile(join(folder, name), BANNER + text);

async function httpTypes(document) {
  return astToString(await openapiTS(document));
}

async function eventTypes(document) {
  const { messages } = document.channels.root;
  const operations = Object.values(document.operations);
  const handlers = (action, toMember) =>
    operations.filter((each) => each.action === action).map((each) => toMember(messages, each));
  return [
    await compile(payloads(document), "Payloads", { bannerComment: "", additionalProperties: false }),
    listing("ClientToServerEvents", handlers("receive", received)),
    listing("ServerToClientEvents", handlers("send", sent)),
  ].join("\n");
}

// One schema whose members are the payloads of all messages, so that each named type is made once.
function payloads({ channels, components }) {
  const members = Object.entries(channels.root.messages).map(([slug, { payload }]) => [slug, payload]);
  return {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(members),
    required: members.map(([slug]) => slug),
    components,
  };
}

const slugOf = ({ $ref }) => $ref.split("/").at(-1);

function received(messages, { messages: [message], reply }) {
  const answer = `Payloads["${slugOf(reply.messages[0])}"]`;
  return member(messages, message, `ack: (answer: ${answer}) => void`);
}

function sent(messages, { messages: [message] }) {
  return member(messages, message);
}

// Socket.IO's types list events as functions. An array is several arguments, null is none.
function member(messages, message, ...more) {
  const slug = slugOf(message);
  const { name, payload } = messages[slug];
  const type = `Payloads["${slug}"]`;
  const own = { null: [], array: [`...payload: ${type}`] }[payload.type] ?? [`payload: ${type}`];
  return `  ${JSON.stringify(name)}: (...args: [${[...own, ...more].join(", ")}]) => void;`;
}

const listing = (name, members) => `export interface ${name} {\n${members.join("\n")}\n}\n`;

await mkdir(folder, { recursive: true });
await write("http.d.ts", await httpTypes(await read("openapi.json")));
await write("events.d.ts", await eventTypes(await read("asyncapi.json")));
