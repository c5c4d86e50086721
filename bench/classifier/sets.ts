/** The public sets with their standard splits, or with one by near-duplicates where there is none. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Example } from "../../ml-service/train/examples.ts";
import { groupNearDuplicates } from "../../ml-service/train/groups.ts";
import { hashText } from "../../ml-service/train/random.ts";
import { type Row, readParts, type SetName } from "../../ml-service/train/sets.ts";

/** The one head that is trained and judged here. */
export const head = "intent";

export const splitNames = ["banking77", "clinc150", "hwu64", "it_cc0"] as const;
export type SplitName = (typeof splitNames)[number];

/** Whether figures are of the validation or of the test part. */
export const judgedParts = ["val", "test"] as const;
export type JudgedPart = (typeof judgedParts)[number];

export interface Split {
  readonly name: SplitName;
  readonly train: readonly Example[];
  /** What calibrates; and what is judged while anything is still being chosen. */
  readonly val: readonly Example[];
  readonly test: readonly Example[];
  /** Texts of no label at all, by the part that they are judged with; none in most sets. */
  readonly outside: Readonly<Record<JudgedPart, readonly Example[]>>;
}

/** Reads sets as they are asked for, each once. */
export interface Sets {
  /** @returns null where the set is not in the folder, which is said once */
  split(name: SplitName): Split | null;
  /** The rows of a set by its parts; null as above. */
  rows(name: SetName): Record<string, Row[]> | null;
}

/**
 * @param folder holds one folder for each data set
 * @param say is told which sets are missing
 */
export function openSets(folder: string, say: (line: string) => void): Sets {
  const rows = remember((name: SetName) => {
    if (existsSync(join(folder, name))) return readParts(folder, name);
    say(`${name} is not in ${folder}: skipped`);
    return null;
  });
  const split = remember((name: SplitName) => {
    const parts = rows(name === "it_cc0" ? "it_tickets_cc0" : name);
    return parts && splitters[name](parts);
  });
  return { split, rows };
}

function remember<K, V>(read: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const value = known.has(key) ? (known.get(key) as V) : read(key);
    known.set(key, value);
    return value;
  };
}

const splitters: Record<SplitName, (parts: Record<string, Row[]>) => Split> = {
  banking77: ({ train = [], test = [] }) => {
    const isVal = ({ text }: Row) => hashText(`split ${text}`) % 10 === 7;
    return splitOf(
      "banking77",
      train.filter((row) => !isVal(row)),
      train.filter(isVal),
      test,
    );
  },
  clinc150: ({ train = [], val = [], test = [], oos_val = [], oos_test = [] }) => ({
    ...splitOf("clinc150", train, val, test),
    outside: { val: oos_val.map(toExample), test: oos_test.map(toExample) },
  }),
  hwu64: ({ train = [], valid = [], test = [] }) => splitOf("hwu64", train, valid, test),
  it_cc0: ({ all = [] }) => {
    const parts = Map.groupBy(withGroups(all.filter(({ text }) => text.trim() !== "")), ({ group }) => {
      const share = hashText(`split ${group}`) % 10;
      return share < 7 ? "train" : share === 7 ? "val" : "test";
    });
    return splitOf("it_cc0", parts.get("train") ?? [], parts.get("val") ?? [], parts.get("test") ?? []);
  },
};

/** The rows with the first text of their near-duplicates, which stands for all of them. */
export function withGroups(rows: readonly Row[]): (Row & { group: string })[] {
  const groups = groupNearDuplicates(rows.map(({ text }) => text));
  const first = new Map<number, string>();
  return rows.map((row, at) => {
    const number = groups[at] as number;
    const group = first.get(number) ?? row.text;
    first.set(number, group);
    return { ...row, group };
  });
}

function splitOf(name: SplitName, train: readonly Row[], val: readonly Row[], test: readonly Row[]): Split {
  return {
    name,
    train: train.map(toExample),
    val: val.map(toExample),
    test: test.map(toExample),
    outside: { val: [], test: [] },
  };
}

function toExample({ text, intent }: Row): Example {
  return { text, labels: { [head]: intent }, group: "", source: "", weight: 1 };
}
