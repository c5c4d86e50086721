import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { environmentVariables } from "./environment.ts";
import { configReference } from "./reference.ts";
import { hubSchema } from "./schema.ts";

test("docs/reference/config.md is up to date (npm run docs)", async () => {
  const committed = await readFile(new URL("../docs/reference/config.md", import.meta.url), "utf8");
  expect(committed).toBe(configReference());
});

test("every field, its default and every environment variable is in the reference", () => {
  const page = configReference();
  const paths = (value: object, prefix: string): string[] =>
    Object.entries(value).flatMap(([name, item]) =>
      typeof item === "object" && !Array.isArray(item)
        ? paths(item, `${prefix}${name}.`)
        : [`${prefix}${name}`],
    );
  for (const path of paths(hubSchema.parse({}), "")) expect(page).toContain(`| \`${path}\` |`);
  for (const path of ["connectors.<name>.plugin", "keys.<name>", "drafter.key", "database.url"]) {
    expect(page).toContain(`| \`${path}\` |`);
  }
  for (const { name } of environmentVariables) expect(page).toContain(`| \`${name}\` |`);
  for (const row of page.split("\n").filter((line) => line.startsWith("| `"))) {
    expect(row, "a field without a description").not.toMatch(/\|\s+\|$/);
  }
});
