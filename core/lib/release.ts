/** What was opened is closed in reverse order, each within its time, whatever the others do. */
import type { Log } from "../../plugins/contract/connector.ts";

export interface Releaser {
  /** Registers a closing; call it right after the opening. After `release` it is closed at once. */
  add(name: string, close: () => Promise<void> | void): void;
  /** Closes all, last opened first; a second call waits for the first. Never rejects: failures are logged. */
  release(): Promise<void>;
}

/** @param deadlineMs milliseconds that one closing may take before the next one starts */
export function createReleaser(log: Log, deadlineMs = 15_000): Releaser {
  const closings: Array<{ name: string; close: () => Promise<void> | void }> = [];
  let releasing: Promise<void> | undefined;
  const releaseAll = async () => {
    for (let next = closings.pop(); next; next = closings.pop()) {
      const { name, close } = next;
      let timer: NodeJS.Timeout | undefined;
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
