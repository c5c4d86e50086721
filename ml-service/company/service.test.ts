/** Companies' own models on a broker: trained, put in force, swapped, refused. */
import { rm, writeFile } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileObjects } from "../../core/blobs/file-objects.ts";
import { eventually } from "../../core/testing/store.ts";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { type ClassifierStatus, changedEvent, classifierService } from "../classifier.service.ts";
import { type ClassifierSettings, type ClassifyResponse, companiesEvent } from "../classify-schema.ts";
import { createRegistry } from "../registry/registry.ts";
import { modelOf } from "../registry/testing.ts";
import type { TrainResponse } from "../train-schema.ts";
import { partLessons } from "./learn.ts";
import { openCompanyClassifier } from "./open-classifier.ts";
import { bankLabels, bankLessons, bankSettings, linesOf } from "./testing.ts";

let dir: string;
let objects: ReturnType<typeof createFileObjects>;
let registry: ReturnType<typeof createRegistry>;
let broker: ServiceBroker;
let errors: unknown[];

beforeEach(async () => {
  dir = await makeTempFolder("models");
  objects = createFileObjects(dir);
  registry = createRegistry(objects, { coreVersion: "0.1.0", now: () => new Date() });
  errors = [];
  broker = new ServiceBroker({ logger: false });
  const none = () => undefined;
  const log = { info: none, warn: none, error: (_: string, fields?: object) => void errors.push(fields) };
  broker.createService(classifierService({ models: { registry, objects, version: "0.1.0" }, log }));
  await broker.start();
});
afterEach(async () => {
  await broker.stop();
  await rm(dir, { recursive: true, force: true });
});

async function train(lessons = bankLessons(400), settings = bankSettings): Promise<TrainResponse> {
  const dataset = `datasets/bank/${Math.random().toString(16).slice(2)}.jsonl`;
  await objects.put(dataset, linesOf(lessons));
  return broker.call<TrainResponse, object>("classifier.train", {
    company: "bank",
    dataset,
    settings,
    reason: "nightly",
  });
}

async function classify(texts: string[], settings: ClassifierSettings = bankSettings, ticket?: string) {
  const items = texts.map((text, at) => {
    return { id: `${at}`, company: "bank", subject: null, text, ...(ticket === undefined ? {} : { ticket }) };
  });
  const params = { items, settings: { bank: settings } };
  return (await broker.call<ClassifyResponse, object>("classifier.classify", params)).results;
}

const status = () => broker.call<ClassifierStatus, object>("classifier.status", {});

describe("a company's own labels", () => {
  test("are guessed by their descriptions first, and said to be so", async () => {
    const [result] = await classify(["My card was stolen!"]);
    expect(result).toMatchObject({
      model: "bank@descriptions",
      department: { label: "cards", abstained: true },
    });
    expect(result?.department.reasons).toEqual([expect.stringMatching(/goes by the descriptions/)]);
    expect(result?.type.label).toMatch(/incident|problem|question|request|complaint/);
    const others = { pets: "Cats, dogs and other animals.", plants: "Trees, flowers and gardens." };
    const [changed] = await classify(["my cat is ill"], { ...bankSettings, labels: { department: others } });
    expect(changed).toMatchObject({ model: "bank@descriptions", department: { label: "pets" } });
    const items = [{ id: "1", company: "shop", subject: null, text: "My card was stolen!" }];
    const other = await broker.call<ClassifyResponse, object>("classifier.classify", { items });
    expect(other.results[0]).toMatchObject({
      model: expect.stringMatching(/^default@/),
      department: { label: "security" },
    });
  });

  test("are learnt from lessons, and at once in force", async () => {
    const response = await train();
    expect(response).toMatchObject({ outcome: "promoted", lessons: 400, leftOut: 0 });
    expect(response.message).toMatch(
      /^version .* is in force\. department: \d+\.\d % of \d+ right, .* before; applies/,
    );
    const [card, loan] = await classify(["pin refused again", "borrow ten thousand"]);
    expect(card).toMatchObject({
      model: `bank@${response.version}`,
      department: { label: "cards", abstained: false },
    });
    expect(loan).toMatchObject({ department: { label: "loans", abstained: false } });
    expect((await status()).companies).toMatchObject([
      { company: "bank", current: response.version, error: null },
    ]);
    const { manifest } = await registry.read("bank", response.version ?? "");
    expect(manifest).toMatchObject({ reason: "nightly", examples: 400, labels: { department: bankLabels } });
    expect(manifest.metrics.department).toMatchObject({
      judged: expect.any(Number),
      wrongAtMost: expect.any(Number),
    });
  });

  test("that vanish from the config are not given, and new ones go by their descriptions", async () => {
    await train();
    const { cards: _, ...left } = bankLabels;
    const [gone] = await classify(["pin refused again"], { ...bankSettings, labels: { department: left } });
    expect(gone?.department).toMatchObject({ abstained: true });
    const wordless = await classify([""], { ...bankSettings, labels: { department: left } });
    for (const { department } of [...wordless, ...(gone ? [gone] : [])])
      expect([department, ...department.alternatives].map(({ label }) => label)).not.toContain("cards");
    const others = { pets: "Cats, dogs and other animals.", plants: "Trees, flowers and gardens." };
    const [pet] = await classify(["my cat is ill"], { ...bankSettings, labels: { department: others } });
    expect(pet).toMatchObject({ model: "bank@descriptions", department: { label: "pets", abstained: true } });
    const many = Object.fromEntries(
      Array.from({ length: 4 }, (_, at) => [`new ${at}`, `Things of kind ${at}.`]),
    );
    const mostlyNew = { ...bankSettings, labels: { department: { ...bankLabels, ...others, ...many } } };
    const [mostly] = await classify(["my cat is ill"], mostlyNew);
    expect(mostly).toMatchObject({
      model: "bank@descriptions",
      department: { label: "pets", abstained: true },
    });
    const [again] = await classify(["my cat is ill"], { rules: {}, vip: [] });
    expect(again?.model).toMatch(/^default@/);
  });
});

describe("a training", () => {
  test("says so where there is too little to learn from, or labels that are not in the config", async () => {
    expect(await train(bankLessons(19))).toMatchObject({ outcome: "too-few", version: null });
    const foreign = bankLessons(30).map((one) => ({ ...one, labels: { department: "else" } }));
    expect(await train([...foreign, ...bankLessons(5)])).toMatchObject({
      outcome: "too-few",
      leftOut: 30,
      message: expect.stringMatching(
        /5 corrections are too few .*30 more have labels that are not in the config/,
      ),
    });
  });

  test("is compared with the descriptions where the model in force knows none of the head's labels", async () => {
    const types = {
      theft: "Something was stolen, took my wallet.",
      loan: "To borrow money, rate for a house.",
    };
    const lessons = bankLessons(60).map((one) => ({
      ...one,
      labels: { type: one.labels.department === "loans" ? "loan" : "theft" },
    }));
    await train(lessons, { ...bankSettings, labels: { type: types } });
    const { version } = await train(bankLessons(60));
    const { manifest } = await registry.read("bank", version ?? "");
    expect(manifest.heads).toEqual(["department"]);
    // By the default model's departments none would be right.
    expect(manifest.metrics.department?.before).toBeGreaterThan(0);
  });

  test("that makes a worse model leaves the better one in force, and keeps the other for a look", async () => {
    const { version } = await train();
    const { heldBack } = partLessons(bankLessons(400));
    const judged = new Set(heldBack.map(({ text }) => text));
    const wrong = { cards: "loans", loans: "branches", branches: "cards" } as Record<string, string>;
    const spoilt = bankLessons(400).map((one) =>
      judged.has(one.text)
        ? one
        : { ...one, labels: { department: wrong[one.labels.department ?? ""] ?? "" } },
    );
    const response = await train(spoilt);
    expect(response).toMatchObject({
      outcome: "kept",
      message: expect.stringMatching(/is worse .* points .* held-back/),
    });
    expect(await registry.state("bank")).toMatchObject({ current: version });
    expect(await registry.list("bank")).toHaveLength(2);
    for (let at = 0; at < 12; at += 1) await registry.publish("bank", modelOf(`older ${at}`));
    expect(await train(spoilt)).toMatchObject({ outcome: "kept" });
    // The new one, ten more, and the one in force.
    expect(await registry.list("bank")).toHaveLength(12);
  });

  test("learns from no other company's data set", async () => {
    await objects.put("datasets/shop/1.jsonl", linesOf(bankLessons(30)));
    const request = { company: "bank", settings: bankSettings, reason: "manual" };
    for (const dataset of ["datasets/shop/1.jsonl", "datasets/bank"])
      await expect(broker.call("classifier.train", { ...request, dataset })).rejects.toMatchObject({
        type: "INVALID_DATA_SET",
      });
    expect(await registry.list("bank")).toEqual([]);
  });

  test("runs once at a time for a company", async () => {
    const [first, second] = await Promise.allSettled([train(), train()]);
    const [done, refused] = first.status === "fulfilled" ? [first, second] : [second, first];
    expect(done).toMatchObject({ value: { outcome: "promoted" } });
    expect(refused).toMatchObject({
      reason: { type: "BUSY", message: expect.stringMatching(/is under way: try again/) },
    });
  });

  test.each([
    ["that is not there", null],
    ["of which a line is no lesson", Buffer.concat([linesOf(bankLessons(30)), Buffer.from('{"id":1}\n')])],
    ["that is binary", Buffer.from([0, 255, 1, 254])],
  ])("refuses a data set %s, and changes nothing", async (_, bytes) => {
    const { version } = await train();
    if (bytes) await objects.put("datasets/bank/bad.jsonl", bytes);
    const params = {
      company: "bank",
      dataset: "datasets/bank/bad.jsonl",
      settings: bankSettings,
      reason: "manual",
    };
    await expect(broker.call("classifier.train", params)).rejects.toMatchObject({
      type: "INVALID_DATA_SET",
      message: expect.stringMatching(/export it again/),
    });
    expect((await classify(["pin refused again"]))[0]?.model).toBe(`bank@${version}`);
  });
});

describe("a model in force", () => {
  test("goes on serving where the next one is damaged, and that is told once", async () => {
    const { version } = await train();
    const { bytes, manifest } = await registry.read("bank", version ?? "");
    const { version: _, company: _c, createdAt: _a, sha256: _s, size: _z, ...trained } = manifest;
    await classify([""]);
    const cut = await registry.publish("bank", { bytes: bytes.subarray(0, 1_000), manifest: trained });
    await registry.promote("bank", cut, { expect: version });
    await broker.broadcast(changedEvent, { company: "bank" });
    await eventually(async () => (await status()).companies[0]?.error !== null, "the error is told");
    expect((await classify(["pin refused again"]))[0]?.model).toBe(`bank@${version}`);
    expect(errors).toHaveLength(1);
    expect((await status()).companies[0]?.error).toMatch(/cannot be loaded: .*not a usable model/);
    // A node that starts now has nothing loaded yet.
    const fresh = await openCompanyClassifier("bank", bankSettings, registry);
    const { results } = await fresh([{ id: "1", company: "bank", subject: null, text: "pin refused again" }]);
    expect(results[0]).toMatchObject({ model: `bank@${version}`, department: { label: "cards" } });
  });

  test("is forgotten with its faults when the company is taken out of the config", async () => {
    const { version } = await train();
    await classify(["pin refused again"]);
    await broker.broadcast(companiesEvent, { companies: ["bank", "shop"] });
    expect((await status()).companies).toMatchObject([{ company: "bank", current: version }]);
    await broker.broadcast(companiesEvent, { companies: ["shop"] });
    expect((await status()).companies).toEqual([]);
    const [back] = await classify(["pin refused again"]);
    expect(back?.model).toBe(`bank@${version}`);
  });

  test("is swapped 100 times under load without losing or failing a request", async () => {
    const versions = [(await train()).version, (await train(bankLessons(401))).version] as [string, string];
    const stop = new AbortController();
    const served = new Map<string, number>();
    let asked = 0;
    const client = async (name: number) => {
      while (!stop.signal.aborted) {
        const results = await classify(
          ["pin refused again", "", "🙂"],
          bankSettings,
          `ticket ${name} ${asked}`,
        );
        asked += 1;
        expect(results).toHaveLength(3);
        // Calls within a process take no turn of the event loop: without one, nothing else would ever happen.
        await nextTurn();
        const [model = ""] = new Set(results.map((result) => result.model));
        served.set(model, (served.get(model) ?? 0) + 1);
        expect(results[0]?.department.label).toBe("cards");
      }
    };
    const clients = Array.from({ length: 4 }, (_, name) => client(name));
    try {
      for (let swap = 0; swap < 100; swap += 1) {
        const [next, now] = swap % 2 === 0 ? versions : [versions[1], versions[0]];
        await registry.promote("bank", next, { expect: now, again: true });
        await broker.broadcast(changedEvent, { company: "bank" });
        await eventually(async () => (await status()).companies[0]?.current === next, "the swap");
      }
    } finally {
      stop.abort();
    }
    await Promise.all(clients);
    expect(asked).toBeGreaterThan(100);
    expect([...served.keys()].sort()).toEqual(versions.map((version) => `bank@${version}`).sort());
  });

  test("answers one part of the tickets by a version on trial, the same ticket always by the same", async () => {
    const first = (await train()).version ?? "";
    const second = (await train(bankLessons(401))).version ?? "";
    await registry.promote("bank", first, { expect: second, again: true });
    await registry.canary("bank", second, 0.5, { again: true });
    await broker.broadcast(changedEvent, { company: "bank" });
    await eventually(async () => (await status()).companies[0]?.canary !== null, "the trial");
    const arms = new Set<string>();
    for (let ticket = 0; ticket < 20; ticket += 1) {
      const results = await classify(["pin refused again", "repay early"], bankSettings, `t${ticket}`);
      expect(results[0]?.model).toBe(results[1]?.model);
      arms.add(results[0]?.model ?? "");
    }
    expect(arms).toEqual(new Set([`bank@${first}`, `bank@${second}`]));
  });

  test("is trained on beside a version on trial, which goes on and is kept however many follow", async () => {
    const tried = (await train()).version ?? "";
    await registry.rollback("bank");
    await registry.canary("bank", tried, 0.5, { again: true });
    for (let i = 0; i < 12; i += 1) await registry.publish("bank", modelOf(`later ${i}`));
    const { outcome, version } = await train(bankLessons(401));
    expect(outcome).toBe("promoted");
    expect(await registry.state("bank")).toMatchObject({
      current: version,
      canary: { version: tried, share: 0.5 },
    });
    expect((await registry.read("bank", tried)).manifest.version).toBe(tried);
  });

  test("takes whatever customers send", async () => {
    await train();
    const texts = [
      "",
      " \n\t ",
      "\u0000\uFFFD\u0001",
      "🙂🙂🙂",
      "שלום, הכרטיס שלי נגנב",
      "مرحبا، بطاقتي مسروقة",
      `pin refused again ${"x".repeat(1_000_000)}`,
      "\uD800 lone surrogate",
      "qwzx vrtk plmn xxyyzz",
    ];
    const results = await classify(texts);
    expect(results).toHaveLength(texts.length);
    for (const { department } of results) {
      expect(Object.keys(bankLabels)).toContain(department.label);
      expect(department.confidence).toBeGreaterThanOrEqual(0);
      expect(department.confidence).toBeLessThanOrEqual(1);
    }
    for (const at of [0, 1, 3])
      expect(results[at]?.department).toMatchObject({ abstained: true, reasons: ["the text has no words"] });
    expect(results[8]?.department.abstained).toBe(true);
  });

  test("is the shipped one where the store of models cannot be read", async () => {
    await rm(dir, { recursive: true });
    await writeFile(dir, "a file where a folder should be");
    expect((await classify(["My card was stolen!"], { rules: {}, vip: [] }))[0]?.model).toMatch(/^default@/);
    expect((await status()).companies[0]?.error).toMatch(/cannot be told/);
  });
});
