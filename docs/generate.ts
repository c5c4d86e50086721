/** Writes the reference pages that are made from the code: `npm run docs`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pages } from "./pages.ts";

const folder = join(import.meta.dirname, "reference");
await mkdir(folder, { recursive: true });
for (const [name, make] of Object.entries(pages)) await writeFile(join(folder, name), make());
