/** The sets as the classifier's benchmark reads them, small ones of the project's own first. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { sharedData } from "../../core/testing/shared-data.ts";
import type { Example } from "../../ml-service/train/examples.ts";
import { openSets } from "./sets.ts";

const folder = mkdtempSync(join(tmpdir(), "deskwire-bench-sets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

const texts = (examples: readonly Example[] | undefined) => examples?.map(({ text }) => text);
const colours = ["red", "green", "blue", "black", "white", "grey", "pink", "brown", "gold", "silver"];
const things = ["card", "door", "lamp", "boat", "shoe", "coat"];
const phrases = colours.flatMap((colour) => things.map((thing) => `${colour} ${thing}`));

describe("a set", () => {
  test("keeps the test part of its makers, and gives up a tenth or so of the rest for validation", () => {
    write("banking77/train.csv", `text,category\n${phrases.map((text) => `${text},a`).join("\n")}\n`);
    write("banking77/test.csv", 'text,category\n"where, please?",b\n');
    const split = openSets(folder, () => undefined).split("banking77");
    expect(split?.test).toMatchObject([{ text: "where, please?", labels: { intent: "b" } }]);
    expect([...(texts(split?.train) ?? []), ...(texts(split?.val) ?? [])].sort()).toEqual(
      [...phrases].sort(),
    );
    expect(split?.val.length).toBeGreaterThan(0);
    expect(split?.val.length).toBeLessThan(phrases.length / 4);
  });

  test("has its texts out of scope beside the part that they are judged with", () => {
    const row = (text: string, intent = "oos") => [[text, intent]];
    write(
      "clinc150/data_full.json",
      JSON.stringify({
        ...{ train: row("one", "a"), val: row("two", "a"), test: row("three", "a") },
        ...{ oos_train: row("four"), oos_val: row("five"), oos_test: row("six") },
      }),
    );
    const split = openSets(folder, () => undefined).split("clinc150");
    expect([split?.train, split?.val, split?.test].map(texts)).toEqual([["one"], ["two"], ["three"]]);
    expect([split?.outside.val, split?.outside.test].map(texts)).toEqual([["five"], ["six"]]);
  });

  test("of three folders has each text with the label on the same line", () => {
    for (const part of ["train", "valid", "test"]) {
      write(`hwu64/${part}/seq.in`, `${part} one\n${part} two\n`);
      write(`hwu64/${part}/label`, "a\nb\n");
    }
    const split = openSets(folder, () => undefined).split("hwu64");
    expect(split?.val).toMatchObject([
      { text: "valid one", labels: { intent: "a" } },
      { text: "valid two", labels: { intent: "b" } },
    ]);
  });

  test("without a split gets one that never parts near-duplicates", () => {
    const words = colours.flatMap((colour) => things.map((thing) => colour + thing));
    const rows = words.flatMap((word) =>
      [1, 2, 3].map((copy) => `old${word} new${word} my${word} ${copy},a`),
    );
    const csv = new TextEncoder().encode(`Document,Topic_group\n${rows.join("\n")}\n`);
    write("it_tickets_cc0/archive.zip", zipSync({ "tickets.csv": csv }));
    const split = openSets(folder, () => undefined).split("it_cc0");
    const parts = [split?.train, split?.val, split?.test].map(
      (part) => new Set(texts(part)?.map((text) => text.replace(/\d+$/, ""))),
    );
    expect(parts.every(({ size }) => size > 0)).toBe(true);
    expect(parts.reduce((sum, { size }) => sum + size, 0)).toBe(words.length);
  });

  test("that is missing is named once, and left out", () => {
    const said: string[] = [];
    const sets = openSets(join(folder, "nothing"), (line) => said.push(line));
    expect([sets.split("hwu64"), sets.split("hwu64"), sets.rows("bitext8k")]).toEqual([null, null, null]);
    expect(said).toEqual([expect.stringMatching(/^hwu64 is not in/), expect.stringMatching(/^bitext8k/)]);
  });
});

const data = sharedData();
test.skipIf(!data)(
  "the public sets have the sizes that their makers say (skipped without ../shared/data)",
  () => {
    const sets = openSets(data ?? "", () => undefined);
    const sizes = (["banking77", "clinc150", "hwu64"] as const).map((name) => {
      const split = sets.split(name);
      return [(split?.train.length ?? 0) + (split?.val.length ?? 0), split?.test.length];
    });
    expect(sizes).toEqual([
      [10_003, 3_080],
      [18_000, 4_500],
      [8_954 + 1_076, 1_076],
    ]);
    expect(sets.split("clinc150")?.outside.test.length).toBe(1_000);
  },
);
