/** Writes the pages, and parts of pages, that are made from the code: `npm run docs`. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pages, withSettings } from "./pages.ts";

const folder = join(import.meta.dirname, "reference");
await mkdir(folder, { recursive: true });
for (const [name, make] of Object.entries(pages)) await writeFile(join(folder, name), make());

const connectors = join(import.meta.dirname, "connectors");
for (const file of await readdir(connectors)) {
  const path = join(connectors, file);
  await writeFile(path, withSettings(await readFile(path, "utf8"), file.replace(/\.md$/, "")));
}
