/** Keeps the claims of this node alive while it works, so that slow calls are not made twice and a dead node's work is soon free. */
import type { Log } from "../../plugins/contract/connector.ts";
import { newId } from "../lib/ids.ts";
import type { Step } from "../queue/queue.ts";
import type { Runner } from "../store/database.ts";
import { type Claimant, extendClaims } from "../store/progress.ts";

/** Milliseconds that a claim holds without being extended: what a crash of a node delays its messages. */
export const claimMs = 6_000;

export interface Claims {
  /** This node, as the owner of its claims. */
  readonly claimant: Claimant;
  hold(step: Step, ids: string[]): void;
  /** Lets go of a message, unless a later step holds it by now. */
  drop(step: Step, id: string): void;
  close(): void;
}

export function createClaims(db: Runner, log: Log): Claims {
  const claimant = { node: newId(), ms: claimMs };
  const held = new Map<string, Step>();
  let extending = false;
  const extend = async () => {
    if (held.size === 0 || extending) return;
    extending = true;
    try {
      await extendClaims(db, [...held.keys()], claimant);
    } catch (error) {
      log.warn("claims could not be extended", { error: (error as Error).message, messages: held.size });
    } finally {
      extending = false;
    }
  };
  const timer = setInterval(() => void extend(), claimMs / 3);
  return {
    claimant,
    hold(step, ids) {
      for (const id of ids) held.set(id, step);
    },
    drop(step, id) {
      if (held.get(id) === step) held.delete(id);
    },
    close: () => clearInterval(timer),
  };
}
