/** What was opened is closed in reverse order, each within its time, whatever the others do. */
import type { Log } from "../../plugins/contract/connector.ts";

export interface Releaser {
  /** Registers a closing; call it right after the opening. After `release` it is closed at once. */
  add(name: string, close: () => Promise<void> | void): void;
  /** Closes all, last opened first; a second call waits for the first. Never rejects: failures are logged. */
  release(): Promise<void>;
}

export interface Deadlines {
  /** Milliseconds that all closings together may take. */
  totalMs: number;
  /** Milliseconds that one has though those before it have used up the total. */
  leastMs: number;
}

/** @param deadlines one that takes longer is left behind, and the next one starts */
export function createReleaser(
  log: Log,
  { totalMs, leastMs }: Deadlines = { totalMs: 15_000, leastMs: 1_000 },
): Releaser {
  const closings: Array<{ name: string; close: () => Promise<void> | void }> = [];
  let releasing: Promise<void> | undefined;
  const releaseAll = async () => {
    const end = performance.now() + totalMs;
    for (let next = closings.pop(); next; next = closings.pop()) {
      const { name, close } = next;
      let timer: NodeJS.Timeout | undefined;
      const deadlineMs = Math.max(leastMs, Math.round(end - performance.now()));
      try {
        await Promise.race([
          Promise.resolve().then(close),
          new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error(`took longer than ${deadlineMs} ms`)), deadlineMs);
          }),
        ]);
      } catch (error) {
        log.error(`closing ${name} failed`, {
          error: error instanceof Error ? error.message : String(error),
        });
      } finally {
        clearTimeout(timer);
      }
    }
  };
  return {
    add(name, close) {
      closings.push({ name, close });
      // Opened while all else was being closed: nobody would call for it again.
      if (releasing) releasing = releasing.then(releaseAll);
    },
    release() {
      releasing ??= releaseAll();
      return releasing;
    },
  };
}
