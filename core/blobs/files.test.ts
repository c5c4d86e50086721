import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mountSmallDisk } from "../testing/small-disk.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";
import { type BlobError, type Blobs, blobKey } from "./blobs.ts";
import { createFileBlobs } from "./files.ts";

let dir: string;
let blobs: Blobs;
beforeEach(async () => {
  dir = await makeTempFolder("blobs");
  blobs = createFileBlobs(dir);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function files(): Promise<string[]> {
  const found = [];
  for (const name of await readdir(dir, { recursive: true }))
    if ((await stat(join(dir, name))).isFile()) found.push(name);
  return found;
}

const error = (kind: BlobError["kind"]) => expect.objectContaining({ name: "BlobError", kind });

test.each([0, 1, 1_000_000])("a blob of %d bytes comes back as it was", async (bytes) => {
  const content = randomBytes(bytes);
  const key = await blobs.put("acme", content);
  expect(key).toBe(blobKey("acme", content));
  expect(Buffer.from(await blobs.get(key))).toEqual(content);
});

test("the same content is stored once, also when it comes many times at once", async () => {
  const content = randomBytes(100_000);
  const keys = await Promise.all(Array.from({ length: 20 }, () => blobs.put("acme", content)));
  expect(new Set(keys).size).toBe(1);
  expect(await files()).toHaveLength(1);
  expect(Buffer.from(await blobs.get(keys[0] ?? ""))).toEqual(content);
});

test("companies share nothing, even of the same content", async () => {
  const content = randomBytes(10);
  const [one, two] = [await blobs.put("acme", content), await blobs.put("other", content)];
  expect(one).not.toBe(two);
  expect(await files()).toHaveLength(2);
});

test("only the hub's own user may read them", async () => {
  await blobs.put("acme", randomBytes(10));
  const [name = ""] = await files();
  expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  expect((await stat(join(dir, dirname(name)))).mode & 0o777).toBe(0o700);
});

test("another opening of the same folder finds what is there", async () => {
  const key = await blobs.put("acme", Buffer.from("kept"));
  expect(String(Buffer.from(await createFileBlobs(dir).get(key)))).toBe("kept");
});

test("a blob that is not there is missing", async () => {
  await expect(blobs.get(blobKey("acme", Buffer.from("never stored")))).rejects.toEqual(error("missing"));
});

test.each([
  "",
  "acme",
  "../../etc/passwd",
  `../${"0".repeat(64)}`,
  `acme/../${"0".repeat(64)}`,
  `acme/${"0".repeat(63)}/`,
])("%j is no key, and no file is looked for", async (key) => {
  await expect(blobs.get(key)).rejects.toEqual(error("missing"));
});

test("a folder that cannot be made is told as a broken store", async () => {
  await writeFile(join(dir, "acme"), "a file where a folder should be");
  await expect(blobs.put("acme", randomBytes(10))).rejects.toEqual(error("broken"));
  expect(await files()).toEqual(["acme"]);
});

test("what a killed process left half-written is never taken for the blob", async () => {
  const content = randomBytes(1_000);
  const path = join(dir, "acme", blobKey("acme", content).slice(5, 7), blobKey("acme", content).slice(5));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.0193a5b0-0000-7000-8000-00000000000f.part`, content.subarray(0, 10));
  await expect(blobs.get(blobKey("acme", content))).rejects.toEqual(error("missing"));
  const key = await blobs.put("acme", content);
  expect(Buffer.from(await blobs.get(key))).toEqual(content);
});

test("a full disk is told as such, leaves nothing half-written, and is forgotten once there is room", async ({
  skip,
}) => {
  const unmount = await mountSmallDisk(dir, 64);
  if (!unmount) return skip("no small disk can be mounted here");
  try {
    await writeFile(join(dir, "filler"), Buffer.alloc(40_000));
    const content = randomBytes(40_000);
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => blobs.put("acme", content)));
    for (const result of all) expect(result).toMatchObject({ status: "rejected", reason: error("full") });
    expect(await files()).toEqual(["filler"]);
    await rm(join(dir, "filler"));
    const key = await blobs.put("acme", content);
    expect(Buffer.from(await blobs.get(key))).toEqual(content);
  } finally {
    await unmount();
  }
});
