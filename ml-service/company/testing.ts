/** Lessons for tests: a bank's departments, each with words of its own among noise. */
import type { ClassifierSettings } from "../classify-schema.ts";
import { createRandom, pick } from "../train/random.ts";
import type { Lesson } from "../train-schema.ts";

export const bankLabels = {
  cards: "Lost, stolen and blocked bank cards.",
  loans: "Mortgages, credit and interest rates.",
  branches: "Opening hours and addresses of branches.",
};

export const bankSettings: ClassifierSettings = {
  rules: {},
  vip: [],
  labels: { department: bankLabels },
  risk: { type: 0.05, priority: 0.05, department: 0.05 },
};

/** What customers write, by department; none of it is in the descriptions. */
export const bankWords: Record<string, string[]> = {
  cards: [
    "my visa was swallowed",
    "the plastic does not work",
    "someone took my wallet",
    "pin refused again",
  ],
  loans: ["rate for a house", "borrow ten thousand", "repay early", "how much per month"],
  branches: ["are you open today", "where is the office", "appointment in town", "closed on saturday"],
};

/** The same for the same seed. */
export function bankLessons(count: number, seed = 1): Lesson[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, at) => {
    const department = pick(random, Object.keys(bankWords));
    const noise = Array.from({ length: 8 }, () => Math.floor(random() * 5_000).toString(36)).join(" ");
    const text = `${pick(random, bankWords[department] ?? [])} ${noise}`;
    const id = `${seed}-${at}`;
    return { id, ticket: `t${id}`, subject: null, text, labels: { department }, at: "2026-11-01T10:00:00Z" };
  });
}

/** JSON lines, as a data set has them. */
export function linesOf(lessons: readonly Lesson[]): Buffer {
  return Buffer.from(lessons.map((lesson) => `${JSON.stringify(lesson)}\n`).join(""));
}
