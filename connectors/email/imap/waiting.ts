/** Waits for new mail: IDLE on one folder where the server has it, and the time of the next poll in any case. */
import type { ImapConnection } from "./connection.ts";
import type { FolderCursor } from "./cursor.ts";
import { examine } from "./list-mails.ts";

export interface Waiting {
  /** The folders of which the server has told that mail came, since the last call: to be read whatever STATUS says. */
  take(): Set<string>;
  /**
   * Waits until the server tells of new mail in `path` ("mail"), or the poll is due ("poll"). Also ends when the signal
   * aborts. Fails where the connection is lost.
   *
   * @param polled whether a poll has just been made, from which the time counts
   */
  next(
    path: string,
    cursor: FolderCursor | undefined,
    pollMs: number,
    polled: boolean,
  ): Promise<"mail" | "poll">;
  stop(): void;
}

export function createWaiting(connection: ImapConnection, signal: AbortSignal): Waiting {
  const { client, closed } = connection;
  let told = new Set<string>();
  const nextUids = new Map<string, number>();
  let wake: () => void = () => undefined;
  let polledAt = performance.now();
  const onExists = ({ path, count, prevCount }: { path: string; count: number; prevCount: number }) => {
    if (count <= prevCount) return;
    told.add(path);
    wake();
  };
  const onEnd = () => wake();
  client.on("exists", onExists);
  closed.addEventListener("abort", onEnd);
  signal.addEventListener("abort", onEnd);

  return {
    take() {
      const taken = told;
      told = new Set();
      return taken;
    },
    async next(path, cursor, pollMs, polled) {
      if (polled) polledAt = performance.now();
      const { uidNext } = await examine(connection, path);
      // It came after the look, and before the folder was watched. Once for each number: the mail may be gone again.
      if (cursor && uidNext > cursor.uid + 1 && uidNext !== nextUids.get(path)) told.add(path);
      nextUids.set(path, uidNext);
      const left = polledAt + pollMs - performance.now();
      if (told.size === 0 && left > 0 && !closed.aborted && !signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const timer = setTimeout(() => wake(), left);
        // Its end, and its failure, is seen by `closed`; the next command ends it.
        client.idle().catch(() => undefined);
        await woken;
        clearTimeout(timer);
      }
      // A poll that is due comes first: else a busy folder would keep the others from being read. A closed connection
      // fails the next command, with the reason.
      return told.size > 0 && performance.now() < polledAt + pollMs ? "mail" : "poll";
    },
    stop() {
      client.off("exists", onExists);
      closed.removeEventListener("abort", onEnd);
      signal.removeEventListener("abort", onEnd);
    },
  };
}
