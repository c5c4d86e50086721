import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { builtIn } from "../connectors/index.ts";
import { metricTable } from "../core/lib/metrics.ts";
import { auditActions } from "../core/store/audit.ts";
import { errorKinds } from "../plugins/contract/errors.ts";
import { connectorEventSchema } from "../plugins/contract/events.ts";
import { pages, withSettings } from "./pages.ts";

test.each(Object.keys(pages))("docs/reference/%s is up to date (npm run docs)", async (name) => {
  const committed = await readFile(new URL(`./reference/${name}`, import.meta.url), "utf8");
  expect(committed).toBe(pages[name]?.());
});

test.each(Object.keys(builtIn))(
  "docs/connectors/%s.md is there, and its settings are up to date (npm run docs)",
  async (name) => {
    const committed = await readFile(new URL(`./connectors/${name}.md`, import.meta.url), "utf8");
    expect(committed).toBe(withSettings(committed, name));
  },
);

test("every error kind, metric, audit action and event is in the reference", () => {
  const all = Object.values(pages)
    .map((make) => make())
    .join("\n");
  const kinds = connectorEventSchema.options.map((option) => option.shape.kind.value);
  const names = [errorKinds, metricTable, auditActions].flatMap((table) => Object.keys(table));
  for (const name of [...names, ...kinds]) expect(all).toContain(`\`${name}\``);
});

test("every field of an event is in the reference, with its type", () => {
  const page = pages["events.md"]?.() ?? "";
  for (const option of connectorEventSchema.options) {
    for (const field of Object.keys(option.shape)) expect(page).toContain(`| \`${field}\` |`);
  }
  expect(page).not.toMatch(/undefined|\| any \|/);
  expect(page).toContain("| `attachments[].content` | Uint8Array | required |");
  expect(page).toContain("| `sentAt` | Date |  |");
});
