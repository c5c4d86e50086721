/** Waiting that an AbortSignal ends, without listeners left behind on signals that live long. */

/**
 * Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts, also where it has already.
 */
export function sleep(ms: number, signal?: AbortSignal | null): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return untilAborted(slept, signal).finally(() => clearTimeout(timer));
}

/**
 * The result of `work`, or the signal's reason where that aborts first: for calls that may not heed their signal. Such
 * work goes on unseen; what it throws later is dropped.
 */
export function untilAborted<T>(work: Promise<T>, signal?: AbortSignal | null): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
