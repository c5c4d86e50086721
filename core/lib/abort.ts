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

/** A signal with an end: until `end` is called, it listens to others. */
export interface EndingSignal {
  readonly signal: AbortSignal;
  end(): void;
}

/**
 * Aborts with the first of `signals` that does, or after `timeoutMs` milliseconds with a TimeoutError. What `AbortSignal.any` and
 * `AbortSignal.timeout` make is found by the garbage collector alone, which costs work that is done thousands of times a second.
 */
export function firstOf(signals: readonly AbortSignal[], timeoutMs?: number): EndingSignal {
  const controller = new AbortController();
  const stops = signals.map((signal) => ({ signal, stop: () => abort(signal.reason) }));
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    clearTimeout(timer);
    for (const { signal, stop } of stops) signal.removeEventListener("abort", stop);
  };
  const abort = (reason: unknown) => {
    end();
    controller.abort(reason);
  };
  if (timeoutMs !== undefined)
    timer = setTimeout(
      () => abort(new DOMException(`it took longer than ${timeoutMs} ms`, "TimeoutError")),
      timeoutMs,
    );
  for (const { signal, stop } of stops) signal.addEventListener("abort", stop, { once: true });
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted) abort(aborted.reason);
  return { signal: controller.signal, end };
}
