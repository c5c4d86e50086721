/** A company's own encoder beside the n-grams: learnt with, served with, and refused where another one has come. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ServiceBroker } from "moleculer";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileObjects } from "../../core/blobs/file-objects.ts";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { type ClassifierStatus, classifierService } from "../classifier.service.ts";
import type { ClassifyResponse } from "../classify-schema.ts";
import { createEncoder } from "../encoder/encoder.ts";
import { identityOf } from "../encoder/identity.ts";
import { writeEncoder } from "../encoder/testing/make-tiny-encoder.ts";
import { createRegistry } from "../registry/registry.ts";
import type { TrainResponse } from "../train-schema.ts";
import { bankLessons, bankSettings, linesOf } from "./testing.ts";

let dir: string;
beforeEach(async () => {
  dir = await makeTempFolder("encoder-models");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Runs a node with an encoder of that prefix, or without one. */
async function withNode<T>(prefix: string | null, use: (broker: ServiceBroker) => Promise<T>): Promise<T> {
  const objects = createFileObjects(join(dir, "objects"));
  const registry = createRegistry(objects, { coreVersion: "0.1.0", now: () => new Date() });
  await objects.put("datasets/bank/1.jsonl", linesOf(bankLessons(300)));
  const files = await writeEncoder(join(dir, "encoder"));
  const openEncoder = async () => {
    const options = { ...files, threads: 1, prefix: prefix ?? "" };
    return { encoder: await createEncoder(options), identity: await identityOf(options) };
  };
  const broker = new ServiceBroker({ logger: false });
  const models = { registry, objects, version: "0.1.0" };
  broker.createService(classifierService({ models, ...(prefix === null ? {} : { openEncoder }) }));
  await broker.start();
  try {
    return await use(broker);
  } finally {
    await broker.stop();
  }
}

const train = (broker: ServiceBroker) => {
  const params = {
    company: "bank",
    dataset: "datasets/bank/1.jsonl",
    settings: bankSettings,
    reason: "manual",
  };
  return broker.call<TrainResponse, object>("classifier.train", params);
};

async function ask(broker: ServiceBroker, text: string) {
  const items = [{ id: "1", company: "bank", subject: null, text }];
  const params = { items, settings: { bank: bankSettings } };
  const { results } = await broker.call<ClassifyResponse, object>("classifier.classify", params);
  return results[0];
}

const status = (broker: ServiceBroker) => broker.call<ClassifierStatus, object>("classifier.status", {});

test("a model learnt with an encoder serves with it, and is refused without it or with another", async () => {
  const version = await withNode("", async (broker) => {
    const response = await train(broker);
    expect(response).toMatchObject({ outcome: "promoted" });
    expect(await ask(broker, "pin refused again")).toMatchObject({
      model: `bank@${response.version}`,
      department: { label: "cards", abstained: false },
    });
    const { provider, encoder } = await status(broker);
    expect(provider).toBe("cpu");
    expect(encoder?.texts).toBeGreaterThan(300);
    // Empty and endless texts go through the encoder as well.
    for (const text of ["", "🙂", "x ".repeat(50_000)])
      expect((await ask(broker, text))?.model).toBe(`bank@${response.version}`);
    return response.version;
  });
  expect(version).not.toBeNull();
  for (const prefix of [null, "query: "]) {
    await withNode(prefix, async (broker) => {
      expect((await ask(broker, "pin refused again"))?.model).toBe("bank@descriptions");
      expect((await status(broker)).companies[0]?.error).toMatch(
        /other word vectors or another encoder: train it again/,
      );
    });
  }
}, 60_000);

test("a model learnt without an encoder goes on serving when there is one", async () => {
  const first = await withNode(null, train);
  await withNode("", async (broker) => {
    expect((await ask(broker, "pin refused again"))?.model).toBe(`bank@${first.version}`);
    const second = await train(broker);
    expect(second.outcome).toBe("promoted");
    expect((await ask(broker, "pin refused again"))?.model).toBe(`bank@${second.version}`);
  });
}, 60_000);
