// Write the types of HTTP bodies and of events, as openapi.json and asyncapi.json describe them.
// They go to src/generated, or to the folder that the first argument names.
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const BANNER = "// Made by `npm run generate`; what is written by hand here is lost.\n\n";
const folder = process.argv[2] ?? "src/generated";

const read = async (name) => JSON.parse(await readFile(name, "utf8"));
const write = (name, text) => writeFile(join(folder, name), BANNER + text);

async function httpTypes(document) {
  return astToString(await openapiTS(document));
}

// The events' types are made by Mooring's own command.
function writeEventTypes() {
  const python = process.env.PYTHON ?? resolve("..", ".venv", "bin", "python");
  const to = resolve(folder);
  execFileSync(python, ["-m", "app.typescript", "spa/asyncapi.json", "--to", to], { cwd: ".." });
}

await mkdir(folder, { recursive: true });
await write("http.d.ts", await httpTypes(await read("openapi.json")));
writeEventTypes();
