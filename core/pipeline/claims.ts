/** Keeps the claims of this node alive while it works, so that slow calls are not made twice and a dead node's work is soon free. */
import type { Log } from "../../plugins/contract/connector.ts";
import type { Runner } from "../store/database.ts";
import { extendClaims } from "../store/progress.ts";

/** Milliseconds that a claim holds without being extended: what a crash of a node delays its messages. */
export const claimMs = 9_000;

export interface Claims {
  hold(ids: string[]): void;
  drop(id: string): void;
  close(): void;
}

export function createClaims(db: Runner, log: Log): Claims {
  const held = new Set<string>();
  let extending = false;
  const extend = async () => {
    if (held.size === 0 || extending) return;
    extending = true;
    try {
      await extendClaims(db, [...held], claimMs);
    } catch (error) {
      log.warn("claims could not be extended", { error: (error as Error).message, messages: held.size });
    } finally {
      extending = false;
    }
  };
  const timer = setInterval(() => void extend(), claimMs / 3);
  return {
    hold(ids) {
      for (const id of ids) held.add(id);
    },
    drop: (id) => void held.delete(id),
    close: () => clearInterval(timer),
  };
}
