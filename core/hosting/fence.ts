/** Ends work that others may take over: a node that hears nothing any more must stop before they begin. */
import { Unavailable } from "../lib/unavailable.ts";

export interface Fence {
  /** @param work gets a signal that aborts with `Unavailable` when nothing has been heard for too long */
  guard<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export interface FenceOptions {
  /** Who is heard, for the error. */
  what: string;
  /** Resolves when an answer has come. */
  ask(): Promise<unknown>;
  /** Milliseconds without an answer after which the work ends. */
  patienceMs: number;
  /** Milliseconds between two questions. Nothing is asked while there is no work. */
  everyMs?: number;
}

export function createFence({ what, ask, patienceMs, everyMs = 500 }: FenceOptions): Fence {
  let guarded = 0;
  let timer: NodeJS.Timeout | undefined;
  let heardAt = 0;
  let controller = new AbortController();

  const look = () => {
    const askedAt = performance.now();
    const heard = () => {
      heardAt = Math.max(heardAt, askedAt);
    };
    // Whoever does not answer is asked again.
    ask().then(heard, () => undefined);
    if (askedAt - heardAt > patienceMs) controller.abort(new Unavailable(what));
  };

  return {
    async guard(work) {
      const isFirst = guarded++ === 0;
      if (isFirst) timer = setInterval(look, everyMs);
      // The work itself has just come from there.
      if (isFirst || controller.signal.aborted) {
        heardAt = performance.now();
        controller = new AbortController();
      }
      try {
        return await work(controller.signal);
      } finally {
        if (--guarded === 0) clearInterval(timer);
      }
    },
  };
}
