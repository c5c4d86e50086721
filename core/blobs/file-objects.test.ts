import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mountSmallDisk } from "../testing/small-disk.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";
import type { BlobError } from "./blobs.ts";
import { createFileObjects } from "./file-objects.ts";
import type { Objects } from "./objects.ts";

let dir: string;
let objects: Objects;
beforeEach(async () => {
  dir = await makeTempFolder("objects");
  objects = createFileObjects(dir);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function entries(): Promise<Array<{ name: string; mode: number; file: boolean }>> {
  const found = [];
  for (const name of await readdir(dir, { recursive: true })) {
    const info = await stat(join(dir, name));
    found.push({ name, mode: info.mode & 0o777, file: info.isFile() });
  }
  return found;
}

const bytes = (text: string) => Buffer.from(text);
const textOf = async (key: string) => Buffer.from((await objects.get(key)).bytes).toString();
const error = (kind: BlobError["kind"]) => expect.objectContaining({ name: "BlobError", kind });

test.each([0, 1, 1_000_000])("an object of %d bytes comes back as it was, with its tag", async (size) => {
  const content = randomBytes(size);
  const { tag } = await objects.put("models/acme/model.bin", content);
  const found = await objects.get("models/acme/model.bin");
  expect(Buffer.from(found.bytes)).toEqual(content);
  expect(found.tag).toBe(tag);
});

test("a put replaces what was there, and the tag changes even where the content does not", async () => {
  const one = await objects.put("a", bytes("same"));
  const two = await objects.put("a", bytes("same"));
  expect(two.tag).not.toBe(one.tag);
  await objects.put("a", bytes("other"));
  expect(await textOf("a")).toBe("other");
});

test("a put of what must be new, or must have a tag, fails where that does not hold", async () => {
  await expect(objects.put("a", bytes("x"), { ifTag: "1-none" })).rejects.toEqual(error("conflict"));
  const { tag } = await objects.put("a", bytes("one"), { ifNew: true });
  await expect(objects.put("a", bytes("x"), { ifNew: true })).rejects.toEqual(error("conflict"));
  await objects.put("a", bytes("two"), { ifTag: tag });
  await expect(objects.put("a", bytes("x"), { ifTag: tag })).rejects.toEqual(error("conflict"));
  expect(await textOf("a")).toBe("two");
});

test("the tag of an object that was removed and made anew does not fit", async () => {
  const { tag } = await objects.put("a", bytes("one"));
  await objects.remove("a");
  await objects.put("a", bytes("two"));
  await expect(objects.put("a", bytes("x"), { ifTag: tag })).rejects.toEqual(error("conflict"));
});

test("a list names all that lies below a key, of no neighbour, and nothing that was removed", async () => {
  for (const key of ["m/acme/b", "m/acme/a/x", "m/acme/a", "m/acme-2/c"]) await objects.put(key, bytes(key));
  expect(await objects.list("m/acme")).toEqual(["m/acme/a", "m/acme/a/x", "m/acme/b"]);
  await objects.remove("m/acme/a");
  expect(await objects.list("m/acme")).toEqual(["m/acme/a/x", "m/acme/b"]);
  expect(await objects.list("m/nobody")).toEqual([]);
  await expect(objects.get("m/acme/a")).rejects.toEqual(error("missing"));
});

test("a removed object leaves no folder behind, and may be removed twice", async () => {
  await objects.put("m/acme/a/x", bytes("x"));
  await objects.remove("m/acme/a/x");
  await objects.remove("m/acme/a/x");
  expect(await readdir(dir)).toEqual(["@parts"]);
});

test.each(["", "/a", "a/", "a//b", "..", "a/../b", "a/.hidden", "A", "a/@1", "a\\b", "a\0", "x".repeat(101)])(
  "%j is no key, for nothing",
  async (key) => {
    await expect(objects.put(key, bytes("x"))).rejects.toEqual(error("missing"));
    await expect(objects.get(key)).rejects.toEqual(error("missing"));
    await expect(objects.list(key)).rejects.toEqual(error("missing"));
    await expect(objects.remove(key)).rejects.toEqual(error("missing"));
    expect(await readdir(dir)).toEqual([]);
  },
);

test("only the hub's own user may read them", async () => {
  await objects.put("models/acme/a", bytes("x"));
  for (const { mode, file } of await entries()) expect(mode).toBe(file ? 0o600 : 0o700);
});

test("what has been replaced is removed after a while, and what a killed process was writing", async () => {
  await mkdir(join(dir, "@parts"));
  await writeFile(join(dir, "@parts", "half"), "of a fi");
  objects = createFileObjects(dir, -1);
  for (const text of ["one", "two", "three"]) await objects.put("a", bytes(text));
  expect(await readdir(join(dir, "a"))).toEqual(["@3"]);
  expect(await readdir(join(dir, "@parts"))).toEqual([]);
});

test("of many that put what must be new, one wins", async () => {
  const all = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => objects.put("a", bytes(`${i}`), { ifNew: true })),
  );
  const won = all.flatMap((result, i) => (result.status === "fulfilled" ? [`${i}`] : []));
  expect(won).toEqual([await textOf("a")]);
  for (const result of all)
    if (result.status === "rejected") expect(result.reason).toEqual(error("conflict"));
});

/** Counts an object up, so many times, in a process of its own. */
function spawnCounter(times: number) {
  const module = fileURLToPath(new URL("file-objects.ts", import.meta.url));
  const program = `
    const { createFileObjects } = await import(${JSON.stringify(module)});
    const objects = createFileObjects(${JSON.stringify(dir)});
    for (let done = 0; done < ${times}; ) {
      const { bytes, tag } = await objects.get("count");
      const next = JSON.stringify({ count: JSON.parse(Buffer.from(bytes)).count + 1, rest: "x".repeat(10_000) });
      try {
        await objects.put("count", Buffer.from(next), { ifTag: tag });
        done++;
        console.log(done);
      } catch (error) {
        if (error.kind !== "conflict") throw error;
      }
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { child, ended: once(child, "close") };
}

const count = async () => (JSON.parse(await textOf("count")) as { count: number }).count;

test("processes that count the same object up lose no step", async () => {
  await objects.put("count", bytes('{"count":0}'));
  const ends = await Promise.all(Array.from({ length: 3 }, () => spawnCounter(30).ended));
  expect(ends.map(([code]) => code)).toEqual([0, 0, 0]);
  expect(await count()).toBe(90);
});

test("a process that was killed while it wrote leaves the object whole, and nothing locked", async () => {
  await objects.put("count", bytes('{"count":0}'));
  const { child, ended } = spawnCounter(1_000_000);
  for (let lines = 0; lines < 20; ) lines += String(await once(child.stdout, "data")).split("\n").length - 1;
  child.kill("SIGKILL");
  await ended;
  const before = await count();
  expect(before).toBeGreaterThanOrEqual(20);
  await objects.put("count", bytes(`{"count":${before + 1}}`), { ifTag: (await objects.get("count")).tag });
  expect(await count()).toBe(before + 1);
});

test("an object that is always replaced can always be read", async () => {
  objects = createFileObjects(dir, -1);
  await objects.put("a", bytes("0"));
  let writing = true;
  const writer = (async () => {
    for (let i = 1; i <= 100; i++) await objects.put("a", bytes(`${i}`));
    writing = false;
  })();
  while (writing) expect(Number(await textOf("a"))).toBeGreaterThanOrEqual(0);
  await writer;
  expect(await textOf("a")).toBe("100");
});

test("a full disk is told as such, leaves what was there and nothing half-written", async ({ skip }) => {
  const unmount = await mountSmallDisk(dir, 128);
  if (!unmount) return skip("no small disk can be mounted here");
  try {
    await objects.put("a", bytes("kept"));
    await writeFile(join(dir, "filler"), Buffer.alloc(60_000));
    await expect(objects.put("a", randomBytes(80_000))).rejects.toEqual(error("full"));
    expect(await textOf("a")).toBe("kept");
    const files = (await entries()).filter(({ file }) => file).map(({ name }) => name);
    expect(files.sort()).toEqual(["a/@1", "filler"]);
    await rm(join(dir, "filler"));
    await objects.put("a", randomBytes(80_000));
  } finally {
    await unmount();
  }
});
