/** deskwire export: a company's lessons as JSON lines, for a look, or for `deskwire evaluate-model --data`. */
import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { Database } from "../store/database.ts";
import { freeze, type Lesson, readLessons } from "../store/lessons.ts";
import { onInterrupt } from "./interrupt.ts";
import { type OpenProject, openProject } from "./open-project.ts";
import { findCompany } from "./target.ts";

export interface ExportOptions {
  company: string | undefined;
  /** What is exported; there is nothing else yet. */
  lessons: boolean;
  /** A file (default: standard output), relative to `cwd`. */
  out: string | undefined;
  cwd: string;
}

function toLine({ id: _, ticket, subject, text, labels, at }: Lesson): string {
  return `${JSON.stringify({ subject, text, ...labels, ticket, at })}\n`;
}

/** @returns how many lessons were written */
async function write(
  db: Database,
  company: string,
  file: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  await db.transaction(async (runner) => {
    await freeze(runner);
    const lines = async function* () {
      for await (const lesson of readLessons(runner, company)) {
        count++;
        yield toLine(lesson);
      }
    };
    // Customers' words: for nobody else's eyes.
    const target = file === undefined ? process.stdout : createWriteStream(file, { mode: 0o600 });
    await pipeline(Readable.from(lines()), target, { end: file !== undefined, signal });
  });
  return count;
}

/**
 * Works beside a running hub, and without one.
 * @returns the exit code
 * @throws ConnectorError of kind `config` where there is no such company, or the file cannot be written
 */
export async function exportLessons(project: string, options: ExportOptions): Promise<number> {
  if (!options.lessons)
    throw new ConnectorError("config", "say what to export: deskwire export COMPANY --lessons");
  const file = options.out === undefined ? undefined : resolve(options.cwd, options.out);
  const interrupt = onInterrupt();
  let opened: OpenProject | undefined;
  try {
    opened = await openProject(project, "export", interrupt.signal);
    const { id } = findCompany(opened.directory.all(), options.company);
    const count = await write(opened.db, id, file, interrupt.signal);
    if (file !== undefined) process.stdout.write(`${id}: ${count} lessons in ${file}\n`);
    return 0;
  } catch (cause) {
    if (interrupt.signal.aborted) return 1;
    if ((cause as { path?: unknown }).path !== file || file === undefined) throw cause;
    throw new ConnectorError("config", `cannot write ${file}: name another file with --out`, { cause });
  } finally {
    await opened?.close();
    interrupt.end();
  }
}
