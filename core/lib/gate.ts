/** A gate in front of an outside system: so many requests a period, so many at once, first come first served. */

export interface GateLimits {
  /** Requests in a period. */
  requests: number;
  /** The period, in milliseconds. */
  perMs: number;
  /** Requests at once. */
  concurrency: number;
}

export type Gate = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Work waits at the gate until it may go; it leaves the line when its signal aborts. */
export function createGate(
  { requests, perMs, concurrency }: GateLimits,
  now = () => performance.now(),
): Gate {
  type Waiter = { start: () => void };
  const line: Waiter[] = [];
  let running = 0;
  let tokens = requests;
  let filledAt = now();
  let timer: NodeJS.Timeout | undefined;

  const fill = () => {
    const time = now();
    tokens = Math.min(requests, tokens + ((time - filledAt) / perMs) * requests);
    filledAt = time;
  };
  const pump = () => {
    fill();
    while (line.length > 0 && running < concurrency && tokens >= 1) {
      tokens -= 1;
      running++;
      line.shift()?.start();
    }
    if (line.length > 0 && running < concurrency && !timer) {
      timer = setTimeout(
        () => {
          timer = undefined;
          pump();
        },
        Math.max(1, ((1 - tokens) / requests) * perMs),
      );
    }
  };
  const enter = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = () => {
        line.splice(line.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        start: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      line.push(waiter);
      pump();
    });

  return async (work, signal) => {
    await enter(signal);
    try {
      return await work();
    } finally {
      running--;
      pump();
    }
  };
}
