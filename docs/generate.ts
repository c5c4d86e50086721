/** Writes the reference pages that are made from schemas: `npm run docs`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { configReference } from "../config/reference.ts";

/** Pages by file name. A test holds each against what is committed. */
const pages: Readonly<Record<string, () => string>> = {
  "config.md": configReference,
};

const folder = join(import.meta.dirname, "reference");
await mkdir(folder, { recursive: true });
for (const [name, make] of Object.entries(pages)) await writeFile(join(folder, name), make());
