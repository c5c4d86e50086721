/** Ctrl-C during a command: the first one asks it to end, the second one ends the process at once. */

export interface Interrupt {
  /** Aborts with the first Ctrl-C, or when the process is told to end. */
  readonly signal: AbortSignal;
  /** Gives the signals back. */
  end(): void;
}

export function onInterrupt(): Interrupt {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(1);
    abort.abort(new Error("stopped"));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, stop);
  return {
    signal: abort.signal,
    end() {
      for (const signal of signals) process.off(signal, stop);
    },
  };
}
