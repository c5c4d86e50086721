import { expect, test } from "vitest";
import type { Company } from "../../config/types.ts";
import { learnt, listUnlearnt } from "../store/lessons.ts";
import { testCompany } from "../testing/company.ts";
import { correct, storeLessons, storeTicket } from "../testing/lessons.ts";
import { makeTeaching, readDataset, type TestTeaching, trained } from "../testing/teaching.ts";
import { digestOfLabels, type Teaching, teach } from "./teach.ts";

const acme = testCompany("acme");
const signal = new AbortController().signal;
const run = ({ parts }: TestTeaching, reason: Teaching["reason"] = "correction") =>
  teach(parts, { company: acme, reason, actor: "hub" }, signal);
const rows = ({ store }: TestTeaching, text: string) => store.db.run(store.db.build.raw(text));

test("a training gets all lessons as a data set and the company's settings, and is written down", async () => {
  const teaching = await makeTeaching(async () => trained({ lessons: 19, leftOut: 1 }));
  const { parts, store, requests, counted } = teaching;
  await storeLessons(store.db, 20);
  await storeLessons(store.db, 3, "beta");
  expect(await run(teaching)).toEqual(trained({ lessons: 19, leftOut: 1 }));

  const key = requests[0]?.dataset ?? "";
  expect(requests).toEqual([
    { company: "acme", dataset: key, settings: acme.classifier, reason: "correction" },
  ]);
  expect(key).toMatch(/^datasets\/acme\/[0-9a-f]{64}\.jsonl$/);
  const lessons = await readDataset(parts.objects, key);
  expect(lessons.map(({ subject, text, labels }) => ({ subject, text, labels }))).toEqual(
    Array.from({ length: 20 }, (_, i) => ({
      subject: `Subject ${i}`,
      text: `Text ${i}`,
      labels: { type: i % 2 ? "question" : "incident" },
    })),
  );
  expect(await rows(teaching, "SELECT company, actor, action, subject, detail FROM audit_log")).toEqual([
    {
      company: "acme",
      actor: "hub",
      action: "classifier.trained",
      subject: "v1",
      detail: { reason: "correction", outcome: "promoted", message: "better", lessons: 19, leftOut: 1 },
    },
  ]);
  expect(await rows(teaching, "SELECT outcome, next_at > now() AS pause FROM trainings")).toEqual([
    { outcome: "promoted", pause: true },
  ]);
  expect(counted).toEqual([{ name: "deskwire.training.count", reason: "correction", outcome: "promoted" }]);
  expect(await listUnlearnt(store.db, "acme", learnt.quickly)).toEqual([]);
  expect(await listUnlearnt(store.db, "acme", learnt.anew)).toHaveLength(20);
});

test("labels are told from others by their names and what they are said to be, not by their order", () => {
  const [cards, loans] = ["Lost, stolen and blocked bank cards.", "Mortgages, credit and interest rates."];
  const all: Record<string, string>[] = [
    { cards, loans },
    { loans, cards },
    { cards, loans: cards },
    { cards, credits: loans },
  ];
  const digestOf = (labels: Company["classifier"]["labels"]) =>
    digestOfLabels({ classifier: { ...acme.classifier, labels } });
  const digests = all.map((department) => digestOf({ department }));
  expect(digests[0]).toBe(digests[1]);
  expect(new Set([...digests, digestOf({}), digestOf({ type: { cards, loans } })]).size).toBe(5);
});

test("of very many lessons the newest are learnt from, and the others count as learnt", async () => {
  const teaching = await makeTeaching();
  const { parts, store, requests } = teaching;
  await storeLessons(store.db, 30);
  const few = { ...teaching, parts: { ...parts, mostLessons: 25 } };
  await run(few, "nightly");
  const lessons = await readDataset(parts.objects, requests[0]?.dataset ?? "");
  expect(lessons.map(({ text }) => text)).toEqual(Array.from({ length: 25 }, (_, i) => `Text ${i + 5}`));
  expect(await listUnlearnt(store.db, "acme", learnt.anew)).toEqual([]);
});

test("what is corrected while a training goes on is left for the next one", async () => {
  const teaching = await makeTeaching(async () => {
    await correct(teaching.store.db, "t", { type: "question" });
    return trained();
  });
  const { db } = teaching.store;
  await storeLessons(db, 20);
  await storeTicket(db, "t");
  await run(teaching, "nightly");
  expect(await listUnlearnt(db, "acme", learnt.anew)).toHaveLength(1);
});

test("a failure is written down with the time of the next try, and leaves all to be learnt", async () => {
  const teaching = await makeTeaching(async (count) => {
    if (count < 3) throw new Error("no memory", { cause: new Error("too much text") });
    return trained({ outcome: "kept", version: null });
  });
  await storeLessons(teaching.store.db, 20);
  for (const failures of [1, 2]) {
    await expect(run(teaching)).rejects.toThrow("no memory");
    expect(
      await rows(teaching, "SELECT outcome, message, failures, next_at > now() AS pause FROM trainings"),
    ).toEqual([{ outcome: "failed", message: "no memory: too much text", failures, pause: true }]);
  }
  expect(await listUnlearnt(teaching.store.db, "acme", learnt.quickly)).toHaveLength(20);
  await run(teaching);
  expect(await rows(teaching, "SELECT outcome, failures FROM trainings")).toEqual([
    { outcome: "kept", failures: 0 },
  ]);
  expect(await rows(teaching, "SELECT detail->>'outcome' AS outcome FROM audit_log ORDER BY id")).toEqual(
    ["failed", "failed", "kept"].map((outcome) => ({ outcome })),
  );
});

test("an answer that is none counts as a failure", async () => {
  const teaching = await makeTeaching(async () => trained({ lessons: 0.5 }));
  await storeLessons(teaching.store.db, 20);
  await expect(run(teaching)).rejects.toThrow("lessons");
  expect(await rows(teaching, "SELECT outcome FROM trainings")).toEqual([{ outcome: "failed" }]);
});

test("where too few of the tickets have words to learn from, nobody is asked to train", async () => {
  const teaching = await makeTeaching();
  const { db } = teaching.store;
  await storeLessons(db, 19);
  await storeTicket(db, "automatic", { skip: "auto-reply" });
  await correct(db, "automatic", { type: "question" });
  expect(await run(teaching)).toMatchObject({ outcome: "too-few", lessons: 19 });
  expect(teaching.requests).toEqual([]);
  expect(await listUnlearnt(db, "acme", learnt.quickly)).toEqual([]);
});

test("the same lessons are stored once, and of other data sets the last five are kept", async () => {
  const teaching = await makeTeaching();
  const { parts, store, requests } = teaching;
  await storeLessons(store.db, 20);
  await run(teaching);
  await run(teaching, "manual");
  expect(await parts.objects.list("datasets")).toHaveLength(1);
  for (let i = 0; i < 6; i++) {
    await storeLessons(store.db, 1);
    await run(teaching);
  }
  const last = requests.slice(-5).map(({ dataset }) => dataset);
  expect(await parts.objects.list("datasets")).toEqual(last.sort());
});

test("a training that is given up is told to end, and leaves no trace", async () => {
  const { parts, store } = await makeTeaching();
  await storeLessons(store.db, 20);
  const stop = new AbortController();
  let told: AbortSignal | undefined;
  const train: typeof parts.train = (_, given) => {
    told = given;
    stop.abort(new Error("stopped"));
    return new Promise(() => undefined);
  };
  const teaching = { company: acme, reason: "manual", actor: "operator" } as const;
  await expect(teach({ ...parts, train }, teaching, stop.signal)).rejects.toThrow("stopped");
  expect(told?.aborted).toBe(true);
  expect(await listUnlearnt(store.db, "acme", learnt.quickly)).toHaveLength(20);
});
