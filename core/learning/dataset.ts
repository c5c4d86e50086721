/** Data sets: a company's newest lessons as one object, named by its content. */
import { createHash } from "node:crypto";
import type { Lesson as TrainLesson } from "../../ml-service/train-schema.ts";
import type { Objects } from "../blobs/objects.ts";
import type { Database } from "../store/database.ts";
import { freeze, type Learnt, type Lesson, listUnlearnt, readLessons } from "../store/lessons.ts";
import { noteDataset } from "../store/trainings.ts";

/** How many data sets of a company are kept. */
const keep = 5;
/** Characters that are hashed and turned into bytes at once. */
const chunkLength = 1_000_000;

export interface Dataset {
  /** In the object store: JSON lines, oldest first. */
  key: string;
  lessons: number;
  /** The corrections that had not been learnt from this far, those of older tickets than it holds among them. */
  fresh: string[];
}

const toLine = (lesson: Lesson) => `${JSON.stringify(lesson satisfies TrainLesson)}\n`;

/** Reads all as it is at one moment, so that what comes in meanwhile counts as not learnt. */
function readAll(db: Database, company: string, most: number, far: Learnt, signal: AbortSignal) {
  return db.transaction(async (runner) => {
    await freeze(runner);
    const fresh = await listUnlearnt(runner, company, far);
    const hash = createHash("sha256");
    const chunks: Buffer[] = [];
    let lines = "";
    let lessons = 0;
    const flush = () => {
      const chunk = Buffer.from(lines);
      hash.update(chunk);
      chunks.push(chunk);
      lines = "";
    };
    for await (const lesson of readLessons(runner, company, most)) {
      signal.throwIfAborted();
      lines += toLine(lesson);
      lessons++;
      if (lines.length >= chunkLength) flush();
    }
    flush();
    return { fresh, lessons, sha256: hash.digest("hex"), chunks };
  });
}

/**
 * Writes a company's lessons, of more than `mostLessons` the newest, as `datasets/<company>/<SHA-256>.jsonl`, which is stored once, and
 * removes older data sets of the company but for the last five. The object is put together in memory. Only for the holder of the company's lease.
 * @throws what the database and the store of objects throw, or the signal's reason
 */
export async function writeDataset(
  { db, objects, mostLessons }: { db: Database; objects: Objects; mostLessons: number },
  company: string,
  far: Learnt,
  signal: AbortSignal,
): Promise<Dataset> {
  const { fresh, lessons, sha256, chunks } = await readAll(db, company, mostLessons, far, signal);
  const folder = `datasets/${company}`;
  const keyOf = (digest: string) => `${folder}/${digest}.jsonl`;
  const key = keyOf(sha256);
  const there = await objects.list(folder);
  if (!there.includes(key)) await objects.put(key, Buffer.concat(chunks));
  const kept = (await noteDataset(db, company, sha256, keep)).map(keyOf);
  for (const old of there) if (old !== key && !kept.includes(old)) await objects.remove(old);
  return { key, lessons, fresh };
}
