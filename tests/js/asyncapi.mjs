// Read an AsyncAPI document from standard input with the public parser, and say what it finds wrong.
import { Parser } from "@asyncapi/parser";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { document, diagnostics } = await new Parser().parse(text);
const errors = diagnostics.filter(({ severity }) => severity === 0).map(({ message }) => message);
console.log(JSON.stringify({ valid: document !== undefined, errors }));
