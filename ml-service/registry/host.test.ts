import { rm } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createFileObjects } from "../../core/blobs/file-objects.ts";
import type { Objects } from "../../core/blobs/objects.ts";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { createModelHost, type ModelHost, type ModelHostOptions } from "./host.ts";
import { createRegistry, type Registry } from "./registry.ts";
import { modelOf } from "./testing.ts";

/** A model that says its own text. */
interface Echo {
  readonly text: string;
}

let dir: string;
let objects: Objects;
let registry: Registry;
let host: ModelHost<Echo>;
let loads: string[];
let logged: Array<{ level: string; message: string; reason: unknown }>;

function openHost(options: Partial<ModelHostOptions<Echo>> = {}): ModelHost<Echo> {
  const log = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    logged.push({ level, message, reason: fields?.reason });
  };
  return createModelHost<Echo>({
    registry,
    load: async (bytes, { company, version }) => {
      loads.push(`${company} ${version}`);
      await turn();
      return { text: Buffer.from(bytes).toString() };
    },
    fallback: { text: "fallback" },
    log: { info: log("info"), error: log("error") },
    refreshMs: 3_600_000,
    maxLoaded: 10,
    ...options,
  });
}

beforeEach(async () => {
  dir = await makeTempFolder("host");
  objects = createFileObjects(dir);
  registry = createRegistry(objects, { coreVersion: "0.1.0", now: () => new Date("2026-11-28T19:05:01Z") });
  loads = [];
  logged = [];
  host = openHost();
});
afterEach(async () => {
  await host.close();
  await rm(dir, { recursive: true, force: true });
});

const publish = (text: string, company = "acme", leastCore = "0.1.0") =>
  registry.publish(company, modelOf(text, { leastCore }));
async function promote(version: string, company = "acme"): Promise<void> {
  await registry.promote(company, version, { expect: (await registry.state(company)).current, again: true });
}
async function publishAndPromote(text: string, company = "acme"): Promise<string> {
  const version = await publish(text, company);
  await promote(version, company);
  return version;
}
const waiting = { timeout: 20_000, interval: 5 };
const errors = () => logged.filter(({ level }) => level === "error").map(({ reason }) => String(reason));
const textFor = async (company = "acme", ticket = "t1") => (await host.pick(company, ticket)).model.text;

test("a company's model is loaded once, when it is first needed, and is there at once from then on", async () => {
  const version = await publishAndPromote("one");
  const first = await Promise.all(Array.from({ length: 10 }, (_, i) => host.pick("acme", `t${i}`)));
  for (const picked of first) expect(picked).toEqual({ model: { text: "one" }, version, canary: false });
  expect(loads).toEqual([`acme ${version}`]);
  expect(host.pick("acme", "t1")).toMatchObject({ version });
});

test("a company without a model of its own gets the fallback, and its first one after a refresh", async () => {
  expect(await host.pick("acme", "t1")).toEqual({
    model: { text: "fallback" },
    version: null,
    canary: false,
  });
  await publishAndPromote("one");
  expect(await textFor()).toBe("fallback");
  await host.refresh("acme");
  expect(await textFor()).toBe("one");
  await registry.rollback("acme");
  await host.refresh("acme");
  expect(await textFor()).toBe("fallback");
  expect(errors()).toEqual([]);
});

test("a hundred swaps under load fail no request, and each is answered by a version of its time", async () => {
  const versions: string[] = [];
  for (const text of ["a", "b", "c", "d", "e"]) versions.push(await publish(text));
  const [first = ""] = versions;
  const inForce = [first];
  await promote(first);
  await host.pick("acme", "t1");
  /** How many of `inForce` were certainly over when a request began. */
  let over = 0;
  let swapping = true;
  let answered = 0;
  const wrong: unknown[] = [];
  const client = async (id: number) => {
    for (let n = 0; swapping; n++) {
      const from = over;
      const { version, model } = await host.pick("acme", `${id}-${n}`);
      for (let work = 0; work < id; work++) await turn();
      const right = version !== null && inForce.slice(from).includes(version);
      if (right && model.text === "abcde"[versions.indexOf(version)]) answered++;
      else wrong.push({ version, model, possible: inForce.slice(from) });
      await turn();
    }
  };
  const clients = Array.from({ length: 10 }, (_, id) => client(id));
  for (let swap = 1; swap <= 100; swap++) {
    const version = versions[swap % versions.length] ?? "";
    inForce.push(version);
    await promote(version);
    await host.refresh("acme");
    over = swap;
  }
  swapping = false;
  await Promise.all(clients);
  expect(wrong).toEqual([]);
  expect(answered).toBeGreaterThan(500);
  expect(host.status()).toEqual([{ company: "acme", current: versions[0], canary: null, error: null }]);
  expect(loads).toHaveLength(101);
  expect(errors()).toEqual([]);
});

test("a request goes on with the model that it picked, whatever is in force when it ends", async () => {
  await publishAndPromote("one");
  const { model } = await host.pick("acme", "t1");
  await publishAndPromote("two");
  await host.refresh("acme");
  expect(model.text).toBe("one");
  expect(await textFor()).toBe("two");
});

test("a canary gets about the share that was asked, and a ticket the same arm on every node", async () => {
  await publishAndPromote("current");
  await registry.canary("acme", await publish("canary"), 0.1);
  const other = openHost();
  let canaries = 0;
  for (let i = 0; i < 5_000; i++) {
    const one = await host.pick("acme", `ticket-${i}`);
    expect(await other.pick("acme", `ticket-${i}`)).toEqual(one);
    expect(one.model.text).toBe(one.canary ? "canary" : "current");
    if (one.canary) canaries++;
  }
  await other.close();
  expect(canaries / 5_000).toBeGreaterThan(0.08);
  expect(canaries / 5_000).toBeLessThan(0.12);
});

test("a canary of a company without a model in force is tried beside the fallback, and promoted without a load", async () => {
  const version = await publish("canary");
  await registry.canary("acme", version, 0.5);
  const texts = new Set<string>();
  for (let i = 0; i < 50; i++) texts.add(await textFor("acme", `${i}`));
  expect([...texts].sort()).toEqual(["canary", "fallback"]);
  expect(host.status()).toMatchObject([{ current: null, canary: { version, share: 0.5 } }]);
  await promote(version);
  await host.refresh("acme");
  expect(await host.pick("acme", "t1")).toMatchObject({ version, canary: false });
  expect(loads).toHaveLength(1);
});

test.each<[string, string, (version: string) => Promise<unknown>]>([
  [
    "whose file is damaged",
    "is damaged",
    (version) => objects.put(`models/acme/versions/${version}/model.bin`, Buffer.from("xxx")),
  ],
  [
    "whose file is missing",
    "is missing",
    (version) => objects.remove(`models/acme/versions/${version}/model.bin`),
  ],
  [
    "whose manifest is missing",
    "there is no version",
    (version) => objects.remove(`models/acme/versions/${version}/manifest.json`),
  ],
])("a model %s is told once, and the old one goes on until the file is back", async (_, reason, damage) => {
  const old = await publishAndPromote("old");
  await host.pick("acme", "t1");
  const version = await publishAndPromote("new");
  const keys = [`models/acme/versions/${version}/model.bin`, `models/acme/versions/${version}/manifest.json`];
  const whole = await Promise.all(keys.map((key) => objects.get(key)));
  await damage(version);
  for (let i = 0; i < 3; i++) await host.refresh("acme");
  expect(await textFor()).toBe("old");
  expect(errors()).toEqual([expect.stringContaining(reason)]);
  expect(host.status()).toEqual([
    { company: "acme", current: old, canary: null, error: expect.stringContaining(reason) },
  ]);
  for (const [i, key] of keys.entries()) await objects.put(key, whole[i]?.bytes ?? Buffer.alloc(0));
  await host.refresh("acme");
  expect(await textFor()).toBe("new");
  expect(host.status()).toMatchObject([{ current: version, error: null }]);
});

test("a model that was rolled back serves no more, though the one before cannot be used", async () => {
  const first = await publishAndPromote("first");
  const second = await publishAndPromote("second");
  await publishAndPromote("bad");
  expect(await textFor()).toBe("bad");
  await registry.rollback("acme");
  await objects.remove(`models/acme/versions/${second}/model.bin`);
  await host.refresh("acme");
  expect(await textFor()).toBe("first");
  expect(host.status()).toMatchObject([{ current: first, error: expect.stringContaining(second) }]);
});

test("a model for a newer core is not loaded by this one", async () => {
  await publishAndPromote("old");
  await host.pick("acme", "t1");
  const newer = createRegistry(objects, { coreVersion: "0.2.0", now: () => new Date() });
  const { current } = await registry.state("acme");
  await newer.promote("acme", await publish("new", "acme", "0.2.0"), { expect: current });
  await host.refresh("acme");
  expect(await textFor()).toBe("old");
  expect(errors()).toEqual([expect.stringContaining("needs Deskwire 0.2.0 or newer")]);
});

test("a model that does not fit its company, or does not load, is refused with the reason", async () => {
  await host.close();
  let fits = false;
  host = openHost({
    accept: ({ labels }) => (fits ? null : `no label ${Object.keys(labels.type ?? {})[0]} is known`),
  });
  await publishAndPromote("one");
  expect(await textFor()).toBe("fallback");
  expect(errors()).toEqual([expect.stringContaining("does not fit: no label question is known")]);
  fits = true;
  await host.refresh("acme");
  expect(await textFor()).toBe("one");
  await host.close();

  host = openHost({ load: () => Promise.reject(new Error("not our format")) });
  expect(await textFor()).toBe("fallback");
  expect(host.status()).toMatchObject([{ error: expect.stringContaining("not our format") }]);
});

test("a canary that cannot be loaded leaves all tickets to the model in force", async () => {
  await publishAndPromote("current");
  const version = await publish("canary");
  await registry.canary("acme", version, 0.5);
  await objects.remove(`models/acme/versions/${version}/model.bin`);
  for (let i = 0; i < 20; i++) expect(await textFor("acme", `${i}`)).toBe("current");
  expect(host.status()).toMatchObject([{ canary: null, error: expect.stringContaining(version) }]);
});

test("a state that cannot be read leaves what serves, and is told once", async () => {
  const broken = () => objects.put("models/acme/state.json", Buffer.from("{"));
  await publishAndPromote("one");
  const { bytes } = await objects.get("models/acme/state.json");
  await broken();
  expect(await textFor()).toBe("fallback");
  await objects.put("models/acme/state.json", bytes);
  await host.refresh("acme");
  expect(await textFor()).toBe("one");
  await broken();
  for (let i = 0; i < 3; i++) await host.refresh("acme");
  expect(await textFor()).toBe("one");
  expect(errors()).toHaveLength(2);
  expect(host.status()).toMatchObject([{ error: expect.stringContaining("models/acme/state.json") }]);
});

test("an id that is no company's gets the fallback", async () => {
  expect(await textFor("../acme")).toBe("fallback");
  expect(await textFor("../acme")).toBe("fallback");
  expect(errors()).toHaveLength(1);
});

test("the models that were used longest ago make room, and come back when they are needed", async () => {
  await host.close();
  host = openHost({ maxLoaded: 2 });
  for (const company of ["a", "b", "c"]) await publishAndPromote(company, company);
  for (const company of ["none", "a", "b", "a", "c"]) await textFor(company);
  expect(host.status().map(({ company }) => company)).toEqual(["none", "a", "c"]);
  expect(await textFor("b")).toBe("b");
  expect(host.status().map(({ company }) => company)).toEqual(["none", "c", "b"]);
  expect(loads).toHaveLength(4);
});

test("a forgotten company is loaded anew, and so is what it accepts", async () => {
  await publishAndPromote("one");
  await textFor();
  host.forget("acme");
  expect(host.status()).toEqual([]);
  expect(await textFor()).toBe("one");
  expect(loads).toHaveLength(2);
});

test("what changes during a look is seen by the refresh that was asked meanwhile", async () => {
  await host.close();
  const gate = Promise.withResolvers<void>();
  host = openHost({
    load: async (bytes, { version }) => {
      loads.push(version);
      await gate.promise;
      return { text: Buffer.from(bytes).toString() };
    },
  });
  await publishAndPromote("one");
  const picked = host.pick("acme", "t1");
  await vi.waitUntil(() => loads.length === 1, waiting);
  await publishAndPromote("two");
  const refreshed = host.refresh("acme");
  gate.resolve();
  await Promise.all([picked, refreshed]);
  expect(await textFor()).toBe("two");
});

test("what is loaded is compared with the registry by itself, until it is closed", async () => {
  await host.close();
  host = openHost({ refreshMs: 5 });
  await publishAndPromote("one");
  await textFor();
  await publishAndPromote("two");
  await vi.waitUntil(async () => (await textFor()) === "two", waiting);
  await host.close();
  await publishAndPromote("three");
  expect(await textFor()).toBe("two");
});
