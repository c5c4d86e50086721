import { rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileObjects } from "../../core/blobs/file-objects.ts";
import type { Objects } from "../../core/blobs/objects.ts";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { createRegistry, type Registry } from "./registry.ts";
import type { RegistryErrorKind } from "./registry-error.ts";
import { modelOf } from "./testing.ts";

let dir: string;
let objects: Objects;
let registry: Registry;
let now: Date;
beforeEach(async () => {
  dir = await makeTempFolder("registry");
  objects = createFileObjects(dir);
  now = new Date("2026-11-28T19:05:01.250Z");
  registry = createRegistry(objects, { coreVersion: "0.1.0", now: () => now });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const publish = (text: string, company = "acme") => registry.publish(company, modelOf(text));
/** Publishes so many versions, the oldest first. */
async function publishMany(count: number): Promise<string[]> {
  const versions = [];
  for (let i = 0; i < count; i++) versions.push(await publish(`model ${i}`));
  return versions;
}
/** Puts versions in force, one after the other. */
async function promoteAll(...versions: string[]): Promise<void> {
  for (const version of versions)
    await registry.promote("acme", version, { expect: (await registry.state("acme")).current });
}
const fileOf = (version: string, file: string) => `models/acme/versions/${version}/${file}`;
const error = (kind: RegistryErrorKind, message = "") =>
  expect.objectContaining({ name: "RegistryError", kind, message: expect.stringContaining(message) });

test("a published version comes back with its manifest, and is not in force by itself", async () => {
  const version = await registry.publish("acme", modelOf("weights", { reason: "correction", examples: 7 }));
  expect(version).toMatch(/^20261128-190501-[0-9a-f]{4}$/);
  const { bytes, manifest } = await registry.read("acme", version);
  expect(Buffer.from(bytes).toString()).toBe("weights");
  expect(manifest).toMatchObject({
    version,
    company: "acme",
    createdAt: "2026-11-28T19:05:01.250Z",
    reason: "correction",
    examples: 7,
    size: 7,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(await registry.state("acme")).toMatchObject({
    current: null,
    previous: [],
    canary: null,
    tag: null,
  });
});

test("versions are listed newest first, also those of one second and of a clock that goes back", async () => {
  const versions = await publishMany(3);
  now = new Date("2026-11-28T18:00:00Z");
  versions.push(await publish("later"));
  const listed = await registry.list("acme");
  expect(listed.map(({ version }) => version)).toEqual(versions.reverse());
  expect(listed[0]).toMatchObject({ manifest: { createdAt: "2026-11-28T18:00:00.000Z" } });
});

test("companies see nothing of each other, not even where one's id begins like another's", async () => {
  const version = await publish("acme's");
  expect(await registry.list("acme-2")).toEqual([]);
  await expect(registry.read("acme-2", version)).rejects.toEqual(error("missing"));
  const manifest = await objects.get(fileOf(version, "manifest.json"));
  await objects.put(`models/acme-2/versions/${version}/manifest.json`, manifest.bytes);
  await expect(registry.read("acme-2", version)).rejects.toEqual(error("damaged", "no manifest of this"));
  for (const id of ["", "Acme", "../acme", "a/b", "-a", "x".repeat(41)])
    await expect(registry.list(id)).rejects.toEqual(error("invalid"));
  await expect(registry.read("acme", "../../other")).rejects.toEqual(error("invalid", "look like"));
});

test("a publish that was cut off before its manifest leaves no version, and is cleared away a day later", async () => {
  await objects.put(fileOf("20261128-190000-aaaa", "model.bin"), Buffer.from("half"));
  expect(await registry.list("acme")).toEqual([]);
  await expect(registry.read("acme", "20261128-190000-aaaa")).rejects.toEqual(error("missing"));
  await registry.prune("acme", 1);
  expect(await objects.list("models/acme")).toHaveLength(1);
  now = new Date("2026-11-29T19:10:00Z");
  await registry.prune("acme", 1);
  expect(await objects.list("models/acme")).toEqual([]);
});

test("a manifest that says too little is refused before anything is written", async () => {
  for (const manifest of [{ leastCore: "new" }, { heads: ["type", "priority"] }, { examples: -1 }])
    await expect(registry.publish("acme", modelOf("x", manifest))).rejects.toEqual(error("invalid"));
  expect(await objects.list("models/acme")).toEqual([]);
});

test("damaged and missing files are told by their names, in a list as well", async () => {
  const [cut, lost, garbled] = (await publishMany(3)) as [string, string, string];
  await objects.put(fileOf(cut, "model.bin"), Buffer.from("model"));
  await objects.remove(fileOf(lost, "model.bin"));
  await objects.put(fileOf(garbled, "manifest.json"), Buffer.from('{"version":'));
  await expect(registry.read("acme", cut)).rejects.toEqual(error("damaged", fileOf(cut, "model.bin")));
  await expect(registry.read("acme", lost)).rejects.toEqual(error("damaged", "is missing"));
  await expect(registry.read("acme", garbled)).rejects.toEqual(error("damaged", "manifest.json"));
  for (const version of [cut, lost, garbled])
    await expect(registry.promote("acme", version, { expect: null })).rejects.toEqual(error("damaged"));
  const [first, second] = await registry.list("acme");
  expect(first).toEqual({ version: garbled, problem: expect.stringContaining("manifest.json") });
  expect(second).toMatchObject({ version: lost, manifest: { version: lost } });
});

test("a model for a newer core is refused with its version, whatever its manifest looks like", async () => {
  const version = await registry.publish("acme", modelOf("x", { leastCore: "0.2.0" }));
  await expect(registry.read("acme", version)).rejects.toEqual(error("too-new", "Deskwire 0.2.0 or newer"));
  await objects.put(fileOf(version, "manifest.json"), Buffer.from('{"leastCore":"9.0.0","parts":[]}'));
  await expect(registry.read("acme", version)).rejects.toEqual(error("too-new", "9.0.0"));
  const newer = createRegistry(objects, { coreVersion: "0.10.0", now: () => now });
  const other = await registry.publish("acme", modelOf("x", { leastCore: "0.9.0" }));
  expect((await newer.read("acme", other)).manifest.version).toBe(other);
});

test("of two promotions at once the second one is refused, and told what is in force", async () => {
  const [first, second] = (await publishMany(2)) as [string, string];
  const all = await Promise.allSettled([
    registry.promote("acme", first, { expect: null }),
    registry.promote("acme", second, { expect: null }),
  ]);
  const { current } = await registry.state("acme");
  expect(all.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const refused = all.find((one) => one.status === "rejected");
  expect(refused?.reason).toEqual(error("conflict", `${current} is in force`));
});

test("a promotion that is said twice holds, and a canary goes on beside it until it is promoted itself", async () => {
  const [one, two, three] = (await publishMany(3)) as [string, string, string];
  await promoteAll(one);
  await registry.canary("acme", three, 0.1);
  await registry.promote("acme", two, { expect: one });
  const state = await registry.promote("acme", two, { expect: one });
  expect(state).toMatchObject({ current: two, previous: [one], canary: { version: three, share: 0.1 } });
  await registry.promote("acme", three, { expect: two });
  expect(await registry.state("acme")).toMatchObject({ current: three, previous: [two, one], canary: null });
});

test("a rollback ends a canary, and says so", async () => {
  const [one, two, three] = (await publishMany(3)) as [string, string, string];
  await promoteAll(one, two);
  await registry.canary("acme", three, 0.1);
  expect(await registry.rollback("acme")).toMatchObject({ from: two, to: one, endedCanary: three });
  expect(await registry.state("acme")).toMatchObject({ current: one, canary: null });
});

test("a rollback goes back step by step, in the end to the model that comes with the code", async () => {
  const [one, two, three] = (await publishMany(3)) as [string, string, string];
  await promoteAll(one, two, three);
  expect(await registry.rollback("acme")).toEqual({
    from: three,
    to: two,
    endedCanary: null,
    skipped: [],
  });
  expect(await registry.state("acme")).toMatchObject({ current: two, previous: [one] });
  expect(await registry.rollback("acme")).toMatchObject({ from: two, to: one });
  expect(await registry.rollback("acme")).toMatchObject({ from: one, to: null });
  await expect(registry.rollback("acme")).rejects.toEqual(error("invalid", "nothing"));
});

test("a rollback passes over versions that cannot be used", async () => {
  const [one, two, three] = (await publishMany(3)) as [string, string, string];
  await promoteAll(one, two, three);
  await objects.put(fileOf(two, "model.bin"), Buffer.from("rotten"));
  await objects.remove(fileOf(three, "manifest.json"));
  expect(await registry.rollback("acme")).toEqual({
    from: three,
    to: one,
    endedCanary: null,
    skipped: [{ version: two, problem: expect.stringContaining("is damaged") }],
  });
});

test("what was rolled back comes back by an operator's word alone, also under a new version", async () => {
  const one = await publish("bad");
  await promoteAll(one);
  await registry.rollback("acme");
  const same = await publish("bad");
  for (const version of [one, same]) {
    await expect(registry.promote("acme", version, { expect: null })).rejects.toEqual(error("withdrawn"));
    await expect(registry.canary("acme", version, 0.1)).rejects.toEqual(error("withdrawn"));
  }
  await registry.promote("acme", one, { expect: null, again: true });
  expect(await registry.state("acme")).toMatchObject({ current: one, withdrawn: [] });
});

test("a canary gets a share of up to a half, and ends by word", async () => {
  const [one, two] = (await publishMany(2)) as [string, string];
  await promoteAll(one);
  expect(await registry.canary("acme", two, 0.5)).toMatchObject({ canary: { version: two, share: 0.5 } });
  for (const share of [-0.1, 0.6, Number.NaN])
    await expect(registry.canary("acme", two, share)).rejects.toEqual(error("invalid"));
  await expect(registry.canary("acme", one, 0.1)).rejects.toEqual(error("invalid", "in force already"));
  expect((await registry.endCanary("acme")).canary).toBeNull();
  const { tag } = await registry.state("acme");
  expect((await registry.endCanary("acme")).tag).toBe(tag);
});

test("pruning keeps the newest, and all that is in force, tried, or could be gone back to", async () => {
  const versions = await publishMany(7);
  const [one, two, three, , , six, seven] = versions as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  await promoteAll(one, three);
  await registry.canary("acme", two, 0.1);
  await promoteAll(one);
  expect((await registry.prune("acme", 2)).sort()).toEqual([versions[3], versions[4]]);
  const left = (await registry.list("acme")).map(({ version }) => version);
  expect(left).toEqual([seven, six, three, two, one]);
  expect(await objects.list("models/acme")).toHaveLength(11);
  expect(await registry.prune("acme", 2)).toEqual([]);
  await expect(registry.prune("acme", 0)).rejects.toEqual(error("invalid"));
});

test("a version that is about to be removed is not promoted, and a prune that was cut off is finished", async () => {
  const [one, , three] = (await publishMany(3)) as [string, string, string];
  await promoteAll(three);
  const key = "models/acme/state.json";
  const { bytes } = await objects.get(key);
  const cutOff = { ...(JSON.parse(Buffer.from(bytes).toString()) as object), removing: [one] };
  await objects.put(key, Buffer.from(JSON.stringify(cutOff)));
  await expect(registry.promote("acme", one, { expect: three })).rejects.toEqual(error("missing"));
  expect(await registry.prune("acme", 5)).toEqual([one]);
  expect(await registry.list("acme")).toHaveLength(2);
  expect(await registry.state("acme")).toMatchObject({ current: three, removing: [] });
});

test("a state that cannot be read is told with the file's name, and nothing is overwritten", async () => {
  const version = await publish("x");
  await objects.put("models/acme/state.json", Buffer.from('{"current":5}'));
  const damaged = error("damaged", "models/acme/state.json");
  await expect(registry.state("acme")).rejects.toEqual(damaged);
  await expect(registry.promote("acme", version, { expect: null })).rejects.toEqual(damaged);
  expect(Buffer.from((await objects.get("models/acme/state.json")).bytes).toString()).toBe('{"current":5}');
});

test("changes of many at once all hold", async () => {
  const versions = await publishMany(6);
  await promoteAll(versions[0] ?? "");
  await Promise.all([
    ...versions.slice(1).map((version) => registry.canary("acme", version, 0.2)),
    registry.prune("acme", 6),
  ]);
  const { canary, current } = await registry.state("acme");
  expect(current).toBe(versions[0]);
  expect(versions.slice(1)).toContain(canary?.version);
});
