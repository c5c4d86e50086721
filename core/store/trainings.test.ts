import { expect, test } from "vitest";
import { firstIdAt } from "../lib/ids.ts";
import { correct, storeLessons, storeTicket } from "../testing/lessons.ts";
import { openTestStore } from "../testing/store.ts";
import type { Database } from "./database.ts";
import { learnt, listUnlearnt, markLearnt } from "./lessons.ts";
import { countFailures, listDueTrainings, noteDataset, saveTraining } from "./trainings.ts";

const yesterday = firstIdAt(new Date(Date.now() - 86_400_000));
const tomorrow = firstIdAt(new Date(Date.now() + 86_400_000));
const due = (db: Database, night: string, labels: string | null = null) =>
  listDueTrainings(
    db,
    ["acme", "beta", "gamma"].map((company) => ({ company, night, labels })),
    2,
  );
const ended = {
  company: "acme",
  outcome: "kept",
  version: null,
  message: "not better",
  failures: 0,
  labels: null,
} as const;

test("a company is due for a correction at once, for the night when its hour has come, and not in a pause", async () => {
  const { db } = await openTestStore();
  await storeLessons(db, 3);
  await storeLessons(db, 1, "beta");
  const acme = { company: "acme", tickets: 2 };
  const beta = { company: "beta", tickets: 1 };
  const byName = async (night: string) =>
    (await due(db, night)).sort((a, b) => (a.company < b.company ? -1 : 1));
  expect(await byName(yesterday)).toEqual([acme, beta].map((one) => ({ ...one, reason: "correction" })));
  expect(await byName(tomorrow)).toEqual([acme, beta].map((one) => ({ ...one, reason: "nightly" })));

  await markLearnt(db, await listUnlearnt(db, "acme", learnt.quickly), learnt.quickly);
  expect(await byName(yesterday)).toEqual([{ ...beta, reason: "correction" }]);
  expect(await byName(tomorrow)).toHaveLength(2);
  await markLearnt(db, await listUnlearnt(db, "acme", learnt.anew), learnt.anew);
  expect(await byName(tomorrow)).toEqual([{ ...beta, reason: "nightly" }]);

  await storeTicket(db, "late");
  await correct(db, "late", { type: "question" });
  await saveTraining(db, { ...ended, reason: "nightly" }, 60_000);
  expect(await byName(tomorrow)).toEqual([{ ...beta, reason: "nightly" }]);
  await saveTraining(db, { ...ended, reason: "nightly" }, -1);
  expect((await due(db, tomorrow)).map(({ company }) => company)).toEqual(["beta", "acme"]);
});

test("a company is due when its labels are others than those of its last training that did not fail", async () => {
  const { db } = await openTestStore();
  await storeLessons(db, 3);
  await markLearnt(db, await listUnlearnt(db, "acme", learnt.anew), learnt.anew);
  const relabelled = [{ company: "acme", tickets: 2, reason: "labels" }];
  expect(await due(db, yesterday, "a")).toEqual([]);
  await saveTraining(db, { ...ended, reason: "correction", labels: "a" }, -1);
  expect(await due(db, yesterday, "a")).toEqual([]);
  expect(await due(db, yesterday, "b")).toEqual(relabelled);
  expect(await due(db, yesterday, null)).toEqual([]);
  await saveTraining(db, { ...ended, reason: "labels", outcome: "failed", failures: 1 }, 60_000);
  expect(await due(db, yesterday, "b")).toEqual([]);
  await saveTraining(db, { ...ended, reason: "labels", outcome: "failed", failures: 2 }, -1);
  expect(await due(db, yesterday, "b")).toEqual(relabelled);
  await saveTraining(db, { ...ended, reason: "labels", labels: "b" }, -1);
  expect(await due(db, yesterday, "b")).toEqual([]);

  await storeTicket(db, "late");
  await correct(db, "late", { type: "question" });
  expect(await due(db, yesterday, "c")).toEqual(relabelled);
  expect(await due(db, tomorrow, "c")).toMatchObject([{ reason: "nightly" }]);
});

test("failures are counted until one training does not fail", async () => {
  const { db } = await openTestStore();
  expect(await countFailures(db, "acme")).toBe(0);
  await saveTraining(db, { ...ended, reason: "correction", outcome: "failed", failures: 3 }, 0);
  expect(await countFailures(db, "acme")).toBe(3);
  await saveTraining(db, { ...ended, reason: "correction" }, 0);
  expect(await countFailures(db, "acme")).toBe(0);
});

test("the last data sets are remembered, the newest first and each once", async () => {
  const { db } = await openTestStore();
  for (const sha256 of ["a", "b", "c", "a"]) await noteDataset(db, "acme", sha256, 3);
  expect(await noteDataset(db, "beta", "x", 3)).toEqual(["x"]);
  expect(await noteDataset(db, "acme", "d", 3)).toEqual(["d", "a", "c"]);
});
