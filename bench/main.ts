/** npm run bench -- <suite> [--json FILE]: prints a table, and writes the figures to a file. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { Figure } from "./figures.ts";
import { benchHub } from "./hub.ts";
import { benchMail } from "./mail.ts";

const suites: Record<string, () => Promise<Figure[]>> = { hub: benchHub, mail: benchMail };

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
const [name = ""] = positionals;
const suite = suites[name];
if (!suite) {
  process.stderr.write(
    `usage: npm run bench -- <suite> [--json FILE]; suites: ${Object.keys(suites).join(", ")}\n`,
  );
  process.exit(2);
}
const figures = await suite();
process.stdout.write(`${name}, on ${cpus().length} × ${cpus()[0]?.model ?? "an unknown processor"}\n`);
console.table(figures.map(({ value, ...rest }) => ({ ...rest, value: Number(value.toPrecision(3)) })));
if (values.json) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
