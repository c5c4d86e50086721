import { expect, onTestFinished, test } from "vitest";
import { classifierSchema } from "../../config/classifier-schema.ts";
import type { Company } from "../../config/types.ts";
import { learnt, listUnlearnt } from "../store/lessons.ts";
import { testCompany, testDirectory } from "../testing/company.ts";
import { correct, storeLessons, storeTicket } from "../testing/lessons.ts";
import { eventually } from "../testing/store.ts";
import { makeTeaching, readDataset, type TestTeaching, trained } from "../testing/teaching.ts";
import { startTeacher, type TeacherParts } from "./teacher.ts";

const day = 86_400_000;
/** A time at which the night has not come yet for what is stored during the test. */
const yesterday = () => new Date(Date.now() - day);

function start({ parts }: TestTeaching, options: Partial<TeacherParts> = {}) {
  let looks = 0;
  const teacher = startTeacher({
    ...parts,
    directory: testDirectory(testCompany("acme"), testCompany("beta")),
    node: "one",
    nightlyHour: 3,
    now: yesterday,
    lookMs: 5,
    ready: () => ++looks > 0,
    ...options,
  });
  onTestFinished(() => teacher.stop());
  /** Waits until it has looked several times more. */
  const lookOn = () => {
    const from = looks;
    return eventually(() => looks > from + 3, "it looks on");
  };
  return { ...teacher, lookOn };
}
const reasons = ({ requests }: TestTeaching) => requests.map(({ company, reason }) => `${company} ${reason}`);
const hang = () => new Promise<never>(() => undefined);

test("corrections are learnt soon, each once, and after a pause those that came meanwhile", async () => {
  const teaching = await makeTeaching();
  const { db } = teaching.store;
  const teacher = start(teaching);
  await storeLessons(db, 20);
  await eventually(() => teaching.requests.length === 1, "a training");
  await storeTicket(db, "late", { text: "Late" });
  await correct(db, "late", { type: "question" });
  await teacher.lookOn();
  expect(teaching.requests).toHaveLength(1);
  await eventually(async () => {
    await teaching.endPause();
    return teaching.requests.length === 2;
  }, "another training");
  const lessons = await readDataset(teaching.parts.objects, teaching.requests[1]?.dataset ?? "");
  expect(lessons.at(-1)?.text).toBe("Late");
  await eventually(
    async () => (await listUnlearnt(db, "acme", learnt.quickly)).length === 0,
    "all is written down",
  );
  await teaching.endPause();
  await teacher.lookOn();
  expect(reasons(teaching)).toEqual(["acme correction", "acme correction"]);
});

test("a company with few lessons is not trained for, and that is told once", async () => {
  const teaching = await makeTeaching();
  await storeLessons(teaching.store.db, 19);
  const teacher = start(teaching);
  await teacher.lookOn();
  await teacher.lookOn();
  expect(teaching.told).toEqual(["a company has too few lessons yet"]);
  await storeLessons(teaching.store.db, 20, "beta");
  await eventually(() => teaching.requests.length === 1, "a training of another company");
  expect(reasons(teaching)).toEqual(["beta correction"]);
});

test("all is learnt anew in the first night after a correction, and not again before the next one", async () => {
  const teaching = await makeTeaching();
  const { db } = teaching.store;
  await storeLessons(db, 20);
  let now = yesterday();
  const teacher = start(teaching, { now: () => now });
  const isLearnt = (far: 1 | 2) => async () => (await listUnlearnt(db, "acme", far)).length === 0;
  await eventually(isLearnt(learnt.quickly), "what was learnt quickly");
  await teaching.endPause();
  await teacher.lookOn();
  expect(reasons(teaching)).toEqual(["acme correction"]);
  now = new Date(Date.now() + 2 * day);
  await eventually(isLearnt(learnt.anew), "what was learnt anew");
  await teaching.endPause();
  await teacher.lookOn();
  expect(reasons(teaching)).toEqual(["acme correction", "acme nightly"]);
});

/** A company with two departments of its own, of that name and another. */
function withDepartment(id: string, name: string): Company {
  const department = { [name]: "What is asked most often.", other: "All that is left over." };
  return { ...testCompany(id), classifier: classifierSchema.parse({ labels: { department } }) };
}

test("other labels in the config are learnt at once and all anew, once they are the same on all nodes", async () => {
  const teaching = await makeTeaching();
  const { db, another } = teaching.store;
  await storeLessons(db, 20);
  await storeLessons(db, 19, "beta");
  const directory = testDirectory(withDepartment("acme", "cards"), withDepartment("beta", "cards"));
  let isAgreed = false;
  const agreed = () => isAgreed;
  const teacher = start(teaching, { directory, agreed });
  const second = { ...teaching, parts: { ...teaching.parts, db: another() } };
  const others = start(second, { directory, agreed, node: "two" });
  const lookOn = async () => {
    await teaching.endPause();
    await Promise.all([teacher.lookOn(), others.lookOn()]);
  };
  await eventually(async () => (await listUnlearnt(db, "acme", learnt.quickly)).length === 0, "a training");
  await lookOn();
  for (const id of ["acme", "beta"]) directory.replace(id, withDepartment(id, "loans"));
  await lookOn();
  expect(reasons(teaching)).toEqual(["acme correction"]);
  isAgreed = true;
  await eventually(() => teaching.requests.length === 2, "another training");
  await eventually(async () => (await listUnlearnt(db, "acme", learnt.anew)).length === 0, "its end");
  await lookOn();
  await lookOn();
  expect(reasons(teaching)).toEqual(["acme correction", "acme labels"]);
  expect(teaching.requests[1]?.settings.labels?.department).toHaveProperty("loans");
});

test("a training for other labels that fails is tried again after a pause, and ends with one that does not", async () => {
  const teaching = await makeTeaching(async (count) => {
    if (count === 2) throw new Error("no memory");
    return trained({ outcome: count === 1 ? "promoted" : "too-few" });
  });
  const { db } = teaching.store;
  await storeLessons(db, 20);
  const directory = testDirectory(withDepartment("acme", "cards"));
  const teacher = start(teaching, { directory });
  const outcome = (wanted: string) => async () =>
    (await db.query<{ outcome: string }>("outcome", "SELECT outcome FROM trainings", []))[0]?.outcome ===
    wanted;
  await eventually(outcome("promoted"), "a training");
  directory.replace("acme", withDepartment("acme", "loans"));
  await teaching.endPause();
  await eventually(outcome("failed"), "a failure");
  await teacher.lookOn();
  expect(teaching.requests).toHaveLength(2);
  await teaching.endPause();
  await eventually(outcome("too-few"), "another try");
  await teaching.endPause();
  await teacher.lookOn();
  expect(reasons(teaching)).toEqual(["acme correction", "acme labels", "acme labels"]);
});

test("of several nodes one trains a company, and another one takes over what it gives up when it stops", async () => {
  const teaching = await makeTeaching((count) => (count === 1 ? hang() : Promise.resolve(trained())));
  const { db, another } = teaching.store;
  await storeLessons(db, 20);
  const first = start(teaching);
  await eventually(() => teaching.requests.length === 1, "a training");
  const second = start({ ...teaching, parts: { ...teaching.parts, db: another() } }, { node: "two" });
  await second.lookOn();
  expect(teaching.requests).toHaveLength(1);
  await first.stop();
  await eventually(
    async () => (await listUnlearnt(db, "acme", learnt.quickly)).length === 0,
    "the other node's training",
  );
  expect(teaching.requests).toHaveLength(2);
  expect(await db.query("outcomes", "SELECT outcome, failures FROM trainings", [])).toEqual([
    { outcome: "promoted", failures: 0 },
  ]);
});

test("while nobody trains nothing is asked for, and nothing is lost", async () => {
  const teaching = await makeTeaching();
  await storeLessons(teaching.store.db, 20);
  let looks = 0;
  let there = false;
  start(teaching, { ready: () => ++looks > 0 && there });
  await eventually(() => looks > 3, "it looks");
  expect(
    await teaching.store.db.query("none", "SELECT 1 FROM leases UNION ALL SELECT 1 FROM trainings", []),
  ).toEqual([]);
  there = true;
  await eventually(() => teaching.requests.length === 1, "a training");
});
