/** Waiting with an end: for conditions, and for work that may never come to its own. */
import { setTimeout as sleep } from "node:timers/promises";

/** Resolves with the first value that is not undefined or false. @throws where there is none within `ms` milliseconds */
export async function eventually<T>(
  what: string,
  ms: number,
  look: () => T | Promise<T>,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() > end) throw new Error(`expected ${what} within ${ms} ms`);
    await sleep(5);
  }
}

/** @returns whether the work came to an end, good or bad, within `ms` milliseconds */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = new AbortController();
  const ended = work.then(
    () => true,
    () => true,
  );
  const timeout = sleep(ms, false, { signal: late.signal }).catch(() => false);
  const result = await Promise.race([ended, timeout]);
  late.abort();
  return result;
}

/** The result of `work`, or the signal's reason where that aborts first. What work left behind does later is dropped. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** A gate that lets so many through at once, first come first served; whoever aborts leaves the line. */
export function createGate(concurrency: number) {
  const line: Array<() => void> = [];
  let running = 0;
  const leave = () => {
    running--;
    line.shift()?.();
  };
  return async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    signal.throwIfAborted();
    if (running >= concurrency) {
      const turn = Promise.withResolvers<void>();
      line.push(turn.resolve);
      try {
        await untilAborted(turn.promise, signal);
      } catch (error) {
        const place = line.indexOf(turn.resolve);
        // Its turn may have come just now: it goes to the next one.
        if (place >= 0) line.splice(place, 1);
        else line.shift()?.();
        throw error;
      }
    }
    running++;
    try {
      return await work();
    } finally {
      leave();
    }
  };
}

/** What `work` threw, or undefined where it did not throw. */
export async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error ?? new Error(`${error} was thrown`);
  }
}
