/** How much of all request bodies together may be in memory, so that many large ones at once do not fill it. */
import { Problem } from "./problem.ts";

/** All bodies that are being read or worked on, in bytes. */
const inAll = 192_000_000;
/** Those of one sender: a few of the largest ones. */
const perSender = 48_000_000;

export interface BodyBudget {
  /**
   * Sets bytes aside until the release is called.
   * @param sender an address, or an API key's name
   * @throws Problem 503 where all is in use, 429 where this sender's part is
   */
  take(sender: string, bytes: number): () => void;
}

export function createBodyBudget(limits = { inAll, perSender }): BodyBudget {
  const bySender = new Map<string, number>();
  let used = 0;
  const later = { "retry-after": "1" };
  return {
    take(sender, bytes) {
      const own = bySender.get(sender) ?? 0;
      if (own + bytes > limits.perSender && own > 0) {
        throw new Problem(429, { detail: "too many large requests at once", headers: later });
      }
      if (used + bytes > limits.inAll && used > 0) {
        throw new Problem(503, {
          detail: "too many large requests at once; nothing was stored",
          headers: later,
        });
      }
      used += bytes;
      bySender.set(sender, own + bytes);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        used -= bytes;
        const left = (bySender.get(sender) ?? 0) - bytes;
        if (left > 0) bySender.set(sender, left);
        else bySender.delete(sender);
      };
    },
  };
}
