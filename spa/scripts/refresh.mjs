// Copy the documents that a running service serves. Its address: VITE_API_URL, or where `make run` puts it.
import { writeFile } from "node:fs/promises";

const service = process.env.VITE_API_URL ?? "http://localhost:3000";

for (const name of ["openapi.json", "asyncapi.json"]) {
  const response = await fetch(`${service}/${name}`);
  if (!response.ok) throw new Error(`${service}/${name}: ${response.status}`);
  await writeFile(name, `${JSON.stringify(await response.json(), null, 2)}\n`);
}
