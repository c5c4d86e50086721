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

export interface OpenGate extends Gate {
  /** True where work that came now would not wait. */
  isFree(): boolean;
}

/**
 * Work waits at the gate until it may go; it leaves the line when its signal aborts. However a period is laid, no more
 * than `requests` start within it: a bucket that refills while it is emptied would let nearly twice as many through.
 */
export function createGate(
  { requests, perMs, concurrency }: GateLimits,
  now = () => performance.now(),
): OpenGate {
  type Waiter = { start: () => void };
  const line: Waiter[] = [];
  // Less than one request a period is one request in a longer period.
  const most = Math.max(1, Math.floor(requests));
  const periodMs = (perMs * most) / requests;
  /** When the last `most` requests started, as a ring; the oldest stands at `next`. */
  const started: number[] = [];
  let next = 0;
  let running = 0;
  let timer: NodeJS.Timeout | undefined;

  const freeInMs = () => {
    const oldest = started.length < most ? undefined : started[next];
    return oldest === undefined ? 0 : oldest + periodMs - now();
  };
  const begin = () => {
    started[next] = now();
    next = (next + 1) % most;
    running++;
  };
  const isFree = () => line.length === 0 && running < concurrency && freeInMs() <= 0;
  const pump = () => {
    clearTimeout(timer);
    timer = undefined;
    while (line.length > 0 && running < concurrency) {
      const wait = freeInMs();
      if (wait > 0) {
        timer = setTimeout(pump, Math.ceil(wait));
        return;
      }
      begin();
      line.shift()?.start();
    }
  };
  const enter = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      const leave = () => {
        line.splice(line.indexOf(waiter), 1);
        reject(signal?.reason);
        // With nobody in line the timer has nothing to wait for.
        pump();
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

  const gate: Gate = async (work, signal) => {
    signal?.throwIfAborted();
    if (isFree()) begin();
    else await enter(signal);
    try {
      return await work();
    } finally {
      running--;
      if (line.length > 0) pump();
    }
  };
  return Object.assign(gate, { isFree });
}
